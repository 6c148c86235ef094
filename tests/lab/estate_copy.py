"""A copy of the repository whose declarations a test may change, deployed to the same lab."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PARTS = ("estate", "tasks", "lab", "inventories", "group_data", "templates", "files")


@dataclass(frozen=True)
class Run:
    """One run of pyinfra: exit code, everything it printed, and the changes that it recorded."""

    code: int
    text: str
    changes: list[dict]

    def keys(self, phase: str) -> set[tuple[str, str, str, str, str]]:
        """The changes of a phase, without their reasons."""
        return {(c["host"], c["task"], c["kind"], c["name"], c["action"]) for c in self.changes if c["phase"] == phase}


class Checkout:
    """A checkout of the estate: this one, or a copy."""

    def __init__(self, root: Path = REPO) -> None:
        self.root = root

    @classmethod
    def copy_to(cls, root: Path) -> "Checkout":
        """Copy what a deploy needs; the lab's own state stays shared."""
        root.mkdir(parents=True)
        for part in PARTS:
            if (REPO / part).exists():
                shutil.copytree(REPO / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("deploy.py", "config.py"):
            shutil.copy(REPO / name, root / name)
        (root / ".lab").symlink_to(REPO / ".lab")
        return cls(root)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{path} does not contain {old!r}"
        file.write_text(text.replace(old, new))

    def pyinfra(self, *options: str, stdin: str | None = None) -> Run:
        """Run pyinfra over the lab's inventory."""
        record = self.root / ".changes.jsonl" if self.root != REPO else REPO / ".lab" / "changes.jsonl"
        record.unlink(missing_ok=True)
        environment = os.environ | {
            "ESTATE_CHANGES_FILE": str(record),
            "PYTHONPATH": str(self.root),
            "PYINFRA_PROGRESS": "off",
        }
        result = subprocess.run(
            [str(BIN / "pyinfra"), "inventories/lab.py", "deploy.py", *options],
            cwd=self.root,
            env=environment,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=900,
        )
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        return Run(result.returncode, result.stdout + result.stderr, [json.loads(line) for line in lines])

    def deploy(self, *options: str) -> Run:
        """Converge."""
        return self.pyinfra("-y", *options)

    def dry_run(self, *options: str) -> Run:
        """What would change."""
        return self.pyinfra("--dry", "--diff", *options)


def on_host(name: str, script: str, check: bool = True) -> str:
    """What a script, run as root on a lab host, printed."""
    argv = ["ssh", "-F", str(REPO / ".lab" / "ssh_config"), name, "sudo", "-n", "sh", "-s"]
    result = subprocess.run(argv, input=script, capture_output=True, text=True, errors="replace", timeout=180)
    assert not check or result.returncode == 0, f"{script}: {result.stderr}"
    return result.stdout
