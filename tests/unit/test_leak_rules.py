"""Every rule of .gitleaks.toml fires on a planted secret, now and in the history, and not on its neighbours."""

import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from leak_canaries import CANARIES, Canary, made

from lab import gitleaks, leaks
from lab.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / ".gitleaks.toml").read_text())
OWN = [rule["id"] for rule in CONFIG["rules"] if "regex" in rule]
PLANTED = [pytest.param(rule, canary, id=f"{rule}-{canary.path}") for rule in OWN for canary in CANARIES.get(rule, [])]

needs_gitleaks = pytest.mark.skipif(
    gitleaks.find(Path(sys.executable).parent) is None, reason="gitleaks is not here: run `make leaks`, which gets it"
)


def git(root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", "-C", str(root), *identity, *arguments], check=check, capture_output=True, text=True)


def repository(root: Path) -> Path:
    root.mkdir(exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    shutil.copy(ROOT / ".gitleaks.toml", root)
    git(root, "add", ".")
    git(root, "commit", "-qm", "rules")
    return root


def place(rule: str, canary: Canary) -> str:
    """Where it is planted: the name of the rule is no part of it, for a rule may look at the path."""
    return f"{OWN.index(rule)}/{canary.path}"


def plant(root: Path, harmless: bool = False) -> None:
    for rule, canaries in CANARIES.items():
        for canary in canaries:
            path = root / place(rule, canary)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(canary.harmless if harmless else canary.secret)


def found(scan: list[leaks.Leak]) -> set[tuple[str, str]]:
    return {(leak.rule, leak.path) for leak in scan}


@pytest.fixture(scope="module")
def in_tree(tmp_path_factory) -> set[tuple[str, str]]:
    root = repository(tmp_path_factory.mktemp("tree"))
    plant(root)
    return found(leaks.tree(root))


@pytest.fixture(scope="module")
def in_history(tmp_path_factory) -> set[tuple[str, str]]:
    root = repository(tmp_path_factory.mktemp("history"))
    plant(root)
    git(root, "add", ".")
    git(root, "commit", "-qm", "planted")
    git(root, "rm", "-rq", *(str(number) for number in range(len(OWN))))
    git(root, "commit", "-qm", "deleted")
    assert leaks.tree(root) == []
    return found(leaks.history(root))


@pytest.fixture(scope="module")
def in_harmless(tmp_path_factory) -> set[tuple[str, str]]:
    root = repository(tmp_path_factory.mktemp("harmless"))
    plant(root, harmless=True)
    git(root, "add", ".")
    git(root, "commit", "-qm", "harmless")
    return found(leaks.tree(root)) | found(leaks.history(root))


@pytest.mark.parametrize("rule", OWN)
def test_every_rule_has_a_canary(rule):
    assert CANARIES.get(rule), f"{rule} has no canary in tests/leak_canaries.py"


def test_every_canary_has_a_rule_and_the_defaults_are_kept():
    assert set(CANARIES) == set(OWN)
    assert CONFIG["extend"] == {"useDefault": True}


@pytest.mark.parametrize("rule", CONFIG["rules"], ids=lambda rule: rule["id"])
def test_every_exception_has_a_reason_and_is_for_a_value(rule):
    for exception in rule.get("allowlists", []):
        assert exception["description"]
        assert exception["regexes"], "a path alone would silence the whole file"
        assert "paths" not in exception or exception["condition"] == "AND"
    assert "allowlists" not in CONFIG, (
        "gitleaks 8.26 ignores targetRules beside extend; one without it is for all rules"
    )


@needs_gitleaks
@pytest.mark.parametrize(("rule", "canary"), PLANTED)
def test_a_planted_secret_is_found_in_the_working_tree(rule: str, canary: Canary, in_tree):
    assert (rule, place(rule, canary)) in in_tree


@needs_gitleaks
@pytest.mark.parametrize(("rule", "canary"), PLANTED)
def test_a_secret_that_was_committed_and_deleted_is_found(rule: str, canary: Canary, in_history):
    assert (rule, place(rule, canary)) in in_history


@needs_gitleaks
@pytest.mark.parametrize(("rule", "canary"), PLANTED)
def test_its_harmless_neighbour_is_not(rule: str, canary: Canary, in_harmless):
    assert [pair for pair in in_harmless if pair[1] == place(rule, canary)] == []


@needs_gitleaks
def test_a_public_key_in_a_file_is_no_secret(tmp_path):
    root = repository(tmp_path / "r")
    (root / "wireguard").mkdir()
    for name in ("public.key", "private.key"):
        (root / "wireguard" / name).write_text(CANARIES["estate-wireguard-key-file"][0].secret)
    assert {leak.path for leak in leaks.tree(root)} == {"wireguard/private.key"}


@needs_gitleaks
def test_messages_merges_and_other_branches_are_history_too(tmp_path):
    root = repository(tmp_path / "r")
    git(root, "checkout", "-qb", "side")
    git(root, "commit", "-qm", f"said tvly-{made('message', 32)}", "--allow-empty")
    git(root, "checkout", "-q", "main")
    git(root, "commit", "-qm", "more", "--allow-empty")
    git(root, "merge", "-q", "--no-commit", "--no-ff", "side")
    (root / "evil.txt").write_text(f"tvly-{made('merge', 32)}\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "merged")
    git(root, "checkout", "-qb", "other", "main~1")
    (root / "other.txt").write_text(f"tvly-{made('branch', 32)}\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "elsewhere")
    git(root, "checkout", "-q", "main")
    assert {leak.path for leak in leaks.history(root)} == {"commit message", "evil.txt", "other.txt"}


@needs_gitleaks
def test_ignored_files_are_left_out_and_comments_do_not_silence(tmp_path):
    root = repository(tmp_path / "r")
    (root / ".gitignore").write_text("ignored.txt\n")
    secret = f"tvly-{made('comment', 32)}"
    (root / "ignored.txt").write_text(secret)
    (root / "seen.txt").write_text(f"{secret} # gitleaks:" + "allow\n")
    (seen,) = leaks.tree(root)
    assert (seen.path, seen.line, seen.rule) == ("seen.txt", 1, "estate-tavily-key")
    assert secret not in str(seen)


@needs_gitleaks
def test_a_shallow_clone_is_refused(tmp_path):
    root = repository(tmp_path / "r")
    git(root, "commit", "-qm", "more", "--allow-empty")
    git(tmp_path, "clone", "-q", "--depth", "1", root.as_uri(), "shallow")
    with pytest.raises(LabError, match="unshallow"):
        leaks.history(tmp_path / "shallow")


def hook_commands() -> list[str]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    return [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]


def test_both_ways_to_install_the_hooks_run_the_same():
    script = (ROOT / ".githooks" / "pre-commit").read_text().splitlines()
    assert [line for line in script if line.startswith(".venv/")] == hook_commands()
    assert (ROOT / ".githooks" / "pre-commit").stat().st_mode & 0o111


@needs_gitleaks
@pytest.mark.parametrize("way", ["pre-commit", "hooksPath"])
def test_the_hook_refuses_a_commit_with_a_secret(tmp_path, way):
    root = repository(tmp_path / "r")
    (root / ".git" / "info" / "exclude").write_text(".venv\n")
    (root / ".venv").symlink_to(Path(sys.prefix))
    if way == "hooksPath":
        git(root, "config", "core.hooksPath", str(ROOT / ".githooks"))
    else:
        hook = root / ".git" / "hooks" / "pre-commit"
        hook.write_text(f"#!/bin/sh\nexec {shlex.join(shlex.split(hook_commands()[0]))}\n")
        hook.chmod(0o755)
    secret = made("hook", 9)
    (root / "inventory.py").write_text(f'ssh_password = "{secret}"\n')
    git(root, "add", ".")
    refused = git(root, "commit", "-qm", "oops", check=False)
    assert refused.returncode == 1
    assert "inventory.py:1: estate-login-password" in refused.stderr
    assert secret not in refused.stdout + refused.stderr
    assert git(root, "rev-list", "--count", "HEAD").stdout.strip() == "1"
    if way == "pre-commit":
        (root / "inventory.py").write_text("ssh_password = secrets[host]\n")
        git(root, "add", ".")
        git(root, "commit", "-qm", "fine")
