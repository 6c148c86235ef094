"""Reads the env files and templates below a folder, and asks git which of them it tracks."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from estate.models.faults import Fault

IGNORED = frozenset({".git", ".venv", ".lab", "node_modules", "__pycache__"})
IGNORED_PATHS = frozenset({"tests/render/golden"})  # what templates give for placeholder values
LIMIT = 1 << 20
_TEMPLATE = re.compile(r".*\.(example|sample|template|dist|j2)$|(docker-)?compose[\w.-]*\.ya?ml$", re.IGNORECASE)
_ENV = re.compile(r"\.env.*(?<!\.age)(?<!\.gpg)|.*\.env", re.IGNORECASE)  # a sealed file has no lines to read


@dataclass(frozen=True)
class TreeFile:
    """A file as the rules see it: its path below the root, its text, its mode, and whether git tracks it."""

    path: str
    text: str
    mode: int = 0o600
    tracked: bool = False

    @property
    def is_template(self) -> bool:
        """Whether it is there to be copied or rendered, so that no value belongs into it."""
        return _TEMPLATE.fullmatch(self.path.rpartition("/")[2]) is not None

    @property
    def is_env(self) -> bool:
        """Whether its lines are `NAME=value`."""
        name = self.path.rpartition("/")[2]
        # `.env.j2` has a template's syntax
        return (
            not name.endswith(".j2")
            and _ENV.fullmatch(re.sub(r"\.(example|sample|template|dist)$", "", name)) is not None
        )

    @property
    def is_compose(self) -> bool:
        """Whether it is a compose file."""
        return self.is_template and self.path.endswith((".yml", ".yaml"))


def read_tree(root: Path) -> tuple[list[TreeFile], list[Fault]]:
    """The env files and templates below the root, and what could not be read."""
    found, repositories = _walk(root)
    tracked, faults = set[Path](), list[Fault]()
    for repository in sorted({root, *repositories}):
        try:
            tracked |= set(_tracked(repository))
        except (OSError, RuntimeError) as error:
            # the root itself may be no repository; a folder with .git is one
            if repository in repositories:
                fault = f"git could not list its files: {error}"
                faults.append(Fault(str(repository), fault, "run `git status` there; as another user: safe.directory"))
    files = []
    for path in found:
        name = path.relative_to(root).as_posix()
        try:
            with path.open("rb") as stream:
                mode, text = stat.S_IMODE(os.fstat(stream.fileno()).st_mode), stream.read(LIMIT + 1)
        except OSError as error:
            faults.append(Fault(name, f"cannot be read: {error.strerror}", "run this as a user who may"))
            continue
        if len(text) > LIMIT:
            faults.append(
                Fault(name, "is larger than 1 MiB and was not looked at", "it is hardly an env file: move it")
            )
            continue
        files.append(TreeFile(name, text.decode(errors="replace"), mode, path in tracked))
    return files, faults


def _walk(root: Path) -> tuple[list[Path], set[Path]]:
    found, repositories = [], set()
    for folder, names, files in os.walk(root):
        here = Path(folder)
        if ".git" in names or ".git" in files:
            repositories.add(here)
        names[:] = sorted(
            n for n in names if n not in IGNORED and (here / n).relative_to(root).as_posix() not in IGNORED_PATHS
        )
        for name in sorted(files):
            # a socket or a pipe would never end
            if (_ENV.fullmatch(name) or _TEMPLATE.fullmatch(name)) and (here / name).is_file():
                found.append(here / name)
    return found, repositories


def _tracked(repository: Path) -> Iterator[Path]:
    # git's hooks set GIT_DIR and GIT_INDEX_FILE, which would point at another repository
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "-C", str(repository), "ls-files", "-z"]
    done = subprocess.run(argv, capture_output=True, env=env, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip().splitlines()[0:1] or "no reason given")
    for name in filter(None, done.stdout.decode(errors="surrogateescape").split("\0")):
        yield repository / name
