"""Imports run one way, and what is pure imports neither pyinfra nor an HTTP client."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "estate"
ALLOWED = {
    "models": {"models"},
    "sso": {"models", "sso"},
    "services": {"models", "sso", "services"},
    "edge": {"models", "edge"},
    "render": {"models", "sso", "services", "edge", "render"},
    "plan": {"models", "render", "plan"},
    "secrets": {"models", "render", "secrets"},
    "clients": {"clients", "models", "edge", "secrets"},
}
PURE = ("models", "sso", "services", "edge", "render", "plan")


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_what_lies_below_it(layer):
    for file in (PACKAGE / layer).glob("*.py"):
        ours = {name.split(".")[1] for name in imports(file) if name.startswith("estate.")}
        assert ours <= ALLOWED[layer], f"{file.name} imports {ours - ALLOWED[layer]}"


@pytest.mark.parametrize("layer", PURE)
def test_the_core_is_pure(layer):
    for file in (PACKAGE / layer).glob("*.py"):
        outside = {name.split(".")[0] for name in imports(file)}
        assert not outside & {"pyinfra", "pyinfra_cli", "httpx", "random", "time", "subprocess", "socket"}, file.name
