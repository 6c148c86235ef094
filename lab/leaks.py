"""`python -m lab.leaks history tree`: no secret in any commit, nor in any file that could be committed.

`python -m lab.leaks staged` is the hook: it refuses the commit that would bring one in.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import gitleaks
from lab.errors import LabError
from lab.run import run

FOUND = 9  # the status that means findings; gitleaks' own 1 is also that of its errors
CONFIG = ".gitleaks.toml"
REMEDY = (
    "take it out and make a new one where it is used (what was pushed is known); "
    f"if it is no secret, say why in {CONFIG}, for that rule and that place only"
)


@dataclass(frozen=True, order=True)
class Leak:
    """A place where a rule fired. The value itself is not kept."""

    path: str
    line: int
    rule: str
    description: str
    commit: str = ""

    def __str__(self) -> str:
        where = f" (commit {self.commit[:12]})" if self.commit else ""
        return f"{self.path}:{self.line}{where}: {self.rule}: {self.description}"


_COMMITS = ("--branches", "--tags", "HEAD")


def history(root: Path) -> list[Leak]:
    """Leaks in all commits of our branches and tags: what each changed, merges too, and what its message says.

    Not of branches that a clone only knows of: they are looked at where somebody works on them.
    """
    if run(["git", "-C", str(root), "rev-parse", "--is-shallow-repository"]).stdout.strip() == "true":
        raise LabError("this clone is shallow, so its history cannot be scanned", "run `git fetch --unshallow`")
    # git log shows no changes of a merge unless it is told to
    options = f"--full-history {' '.join(_COMMITS)} --diff-merges=first-parent"
    changes = _scan(root, ["git", "--log-opts", options, str(root)])
    with TemporaryDirectory() as folder:
        log = run(["git", "-C", str(root), "log", *_COMMITS, "-z", "--format=%H%n%B"]).stdout
        for commit, _, message in (entry.partition("\n") for entry in log.split("\0") if entry):
            (Path(folder) / f"{commit}.txt").write_text(message)
        messages = _scan(root, ["dir", "."], Path(folder))
    said = [Leak("commit message", leak.line, leak.rule, leak.description, Path(leak.path).stem) for leak in messages]
    return changes + said


def tree(root: Path) -> list[Leak]:
    """Leaks in the files that are there, committed or not; those that git ignores are left out."""
    listed = run(["git", "-C", str(root), "ls-files", "-coz", "--exclude-standard"]).stdout
    with TemporaryDirectory() as folder:
        # gitleaks would read ignored files too, so it is given a copy of the others
        for name in sorted(set(filter(None, listed.split("\0")))):
            source, target = root / name, Path(folder) / name
            if source.is_file() and not source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        return _scan(root, ["dir", "."], Path(folder))


def staged(root: Path) -> list[Leak]:
    """Leaks in what the next commit would bring in."""
    return _scan(root, ["git", "--pre-commit", "--staged", str(root)])


def _scan(root: Path, arguments: Sequence[str], place: Path | None = None) -> list[Leak]:
    config = root / CONFIG
    if not config.exists():
        raise LabError(f"{config} is missing", "it holds the rules; get it back from git")
    program = gitleaks.ensure()
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--no-banner", "--redact", "--ignore-gitleaks-allow", "--max-decode-depth", "2"]
        options += ["--config", str(config), "--exit-code", str(FOUND), "-f", "json", "-r", str(report)]
        # it reports paths as they were given, and the exceptions name paths from the top of the repository
        with chdir(place or root):
            result = run([str(program), *arguments, *options], check=False)
        if result.status not in (0, FOUND):
            raise LabError(f"gitleaks failed: {result.stderr.strip()[-600:]}", "run it by hand")
        return sorted({_leak(item) for item in json.loads(report.read_text() or "[]")})


def _leak(item: Mapping[str, object]) -> Leak:
    line = item["StartLine"]
    return Leak(
        str(item["File"]),
        line if isinstance(line, int) else 0,
        str(item["RuleID"]),
        str(item["Description"]),
        str(item["Commit"]),
    )


SCANS: Mapping[str, Callable[[Path], list[Leak]]] = {"history": history, "tree": tree, "staged": staged}


def main(arguments: Sequence[str]) -> int:
    """Run the scans that are named; 0 clean, 1 leaks, 2 it could not be found out."""
    unknown = set(arguments) - set(SCANS)
    if unknown or not arguments:
        print(f"usage: python -m lab.leaks {' '.join(SCANS)}", file=sys.stderr)
        return 2
    try:
        root = Path(run(["git", "rev-parse", "--show-toplevel"], remedy="run this in a clone").stdout.strip())
        leaks = sorted({leak for name in arguments for leak in SCANS[name](root)})
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    for leak in leaks:
        print(leak, file=sys.stderr)
    if leaks:
        print(f"{len(leaks)} possible secret{'s' if len(leaks) != 1 else ''}: {REMEDY}", file=sys.stderr)
        return 1
    print(f"no secrets in: {', '.join(arguments)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
