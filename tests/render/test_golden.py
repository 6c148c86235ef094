"""Golden files: what every kind of host gets, reviewed as a difference whenever a declaration changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from estate.inventory import load
from estate.output import write

REPO = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
HOMELAB = ("postgres", "authentik", "n8n", "rustdesk", "monitoring", "obsidian")
HOSTS = ("mainframe", "dl380p", "omv", *HOMELAB, "vps", "zurich", "tokyo")
"""One host of each group, every container of the homelab, and of the fleet a hub and a spoke."""
VERBATIM = ("/root/etc/nixos/modules/", "/backups/scripts/estate_backup/", "/estate-watch/estate_watch/")
"""Copies of what files/ has, but for the one that names the others by their digest."""


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    estate = load(REPO / "inventories" / "prod.py")
    to = tmp_path_factory.mktemp("render") / "prod"
    write(estate, {name: estate.hosts[name] for name in HOSTS}, to)
    for path in to.rglob("*"):
        if path.is_file() and any(part in str(path) for part in VERBATIM) and path.name != "generation.nix":
            path.unlink()
    return to


def test_rendered_trees_are_the_golden_ones(rendered, request):
    if request.config.getoption("--update-golden"):
        subprocess.run(["rm", "-rf", str(GOLDEN)], check=True)
        GOLDEN.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", str(rendered), str(GOLDEN)], check=True)
    wanted, found = tree(GOLDEN), tree(rendered)
    assert sorted(found) == sorted(wanted), "other files than the golden ones; run pytest tests/render --update-golden"
    different = [name for name in wanted if wanted[name] != found[name]]
    assert different == [], "run pytest tests/render --update-golden and read the difference"


@pytest.mark.parametrize("inventory", ["prod", "lab"])
def test_rendering_twice_gives_the_same_bytes(inventory, tmp_path):
    trees = []
    for seed in ("1", "2"):
        to = tmp_path / seed
        argv = [
            str(Path(sys.executable).with_name("estate")),
            "render",
            f"inventories/{inventory}.py",
            "--out",
            str(to),
        ]
        environment = os.environ | {"PYTHONHASHSEED": seed, "LC_ALL": "C"}
        subprocess.run(argv, cwd=REPO, env=environment, check=True, capture_output=True)
        trees.append(tree(to))
    assert trees[0] == trees[1]
    assert len(trees[0]) > 50


def test_a_render_does_not_overwrite_what_it_did_not_write(tmp_path):
    (tmp_path / "precious").write_text("x")
    argv = [str(Path(sys.executable).with_name("estate")), "render", "inventories/prod.py", "--out", str(tmp_path)]
    result = subprocess.run(argv, cwd=REPO, capture_output=True, text=True)
    assert result.returncode == 1
    assert "is not empty and not of an earlier render" in result.stderr
    assert (tmp_path / "precious").read_text() == "x"
