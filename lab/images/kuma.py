"""The real Uptime Kuma for the lab's hub, from npm: /opt/uptime-kuma as a tar.

    python -m lab.images.kuma [FILE]

Upstream releases on GitHub and Docker Hub only; npm has one version, 2.0.0-dev.0. Its API (push, socket.io) is that of
2.5.3 in all we use. It needs two repairs (`_repair`), which later releases have. The lock file pins every package by
SHA-512; install scripts do not run, but for SQLite's binding, which is compiled from its own package.

Needs node 20, npm and a C++ compiler where it is made, and Debian's nodejs where it runs:

    DATA_DIR=/var/lib/uptime-kuma/ UPTIME_KUMA_DB_TYPE=sqlite UPTIME_KUMA_HOST=… UPTIME_KUMA_PORT=3001 \
        node server/server.js        # in /opt/uptime-kuma
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from lab.errors import LabError
from lab.paths import CACHE
from lab.run import have, run

PINS = Path(__file__).parent / "files" / "kuma"
PREFIX = "opt/uptime-kuma"
RECIPE = 2
"""Raised when the steps below change."""
BINDING = "@louislam/sqlite3"
# What only a developer reads, and what a second form of is beside it.
USELESS = (".map", ".md", ".markdown", ".ts", ".mts", ".cts", ".gz", ".flow", ".tsbuildinfo")
USELESS_FOLDERS = (
    *(f"node_modules/{BINDING}/{part}" for part in ("build-tmp-napi-v6", "deps", "src")),
    *("src/assets", "src/components", "src/lang", "src/layouts", "src/mixins", "src/pages"),
    *("node_modules/node-gyp", "node_modules/@types"),
)


def version() -> str:
    """The pinned version."""
    return str(json.loads((PINS / "package.json").read_text())["dependencies"]["uptime-kuma"])


def missing() -> list[str]:
    """Programs that making the tar needs and this machine does not have."""
    return [program for program in ("node", "npm", "g++", "make") if not have(program)]


def path() -> Path:
    """Where the tar is, or would be; another recipe has another name."""
    recipe = json.dumps([RECIPE, USELESS, USELESS_FOLDERS, [file.read_text() for file in sorted(PINS.iterdir())]])
    return CACHE / f"uptime-kuma-{version()}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.tar"


def archive() -> Path:
    """The tar, made when it is not cached. Raises LabError."""
    cached = path()
    if not cached.is_file():
        if absent := missing():
            raise LabError(f"{', '.join(absent)} not found", "apt-get install nodejs npm g++ make")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            tree = _install(Path(scratch))
            _trim(tree)
            made = Path(scratch) / "layer.tar"
            made.write_bytes(_tar(tree))
            made.replace(cached)
    return cached


def unpack(to: Path) -> Path:
    """Unpack it below a folder; gives the folder to start `node server/server.js` in."""
    with tarfile.open(archive()) as tar:
        tar.extractall(to, filter="data")
    return to / PREFIX


def _install(scratch: Path) -> Path:
    for pin in PINS.iterdir():
        shutil.copy(pin, scratch)
    npm = ("npm", "--prefix", str(scratch), "--no-audit", "--no-fund", "--loglevel=error")
    run(
        [*npm, "ci", "--omit=dev", "--omit=optional", "--ignore-scripts"], remedy="see whether npm reaches its registry"
    )
    node = Path(run(["node", "-p", "process.execPath"]).stdout.strip()).resolve().parents[1]
    # Debian has Node's headers in /usr/include/node; node-gyp would fetch them from nodejs.org
    headers = (f"--nodedir={node}",) if (node / "include" / "node").is_dir() else ()
    run([*npm, "rebuild", BINDING, "--build-from-source", *headers], remedy="apt-get install libnode-dev g++ make")
    tree = scratch / "node_modules" / "uptime-kuma"
    _repair(tree)
    home = tree / "node_modules"
    home.mkdir(exist_ok=True)
    for package in (scratch / "node_modules").iterdir():
        if package != tree:
            package.rename(home / package.name)
    return tree


def _repair(tree: Path) -> None:
    """Mend what keeps 2.0.0-dev.0 from starting, and from counting hours, with SQLite."""
    for patch in (tree / "db").glob("patch-*.sql"):  # it looks for them a folder lower
        patch.rename(tree / "db" / "old_migrations" / patch.name)
    source = tree / "server" / "database.js"
    text = source.read_text()
    wrong, right = 'this.dbConfig.client === "sqlite3"', 'this.dbConfig.type === "sqlite"'  # nothing sets `client`
    if text.count(wrong) != 1:
        raise LabError(f"{source.name} of Uptime Kuma {version()} is not the one that was read", "look at `_repair`")
    source.write_text(text.replace(wrong, right))


def _trim(tree: Path) -> None:
    for folder in (*(tree / name for name in USELESS_FOLDERS), *tree.rglob(".bin")):
        shutil.rmtree(folder, ignore_errors=True)
    for file in tree.rglob("*"):
        if file.is_file() and file.name.lower().endswith(USELESS) and not file.name.upper().startswith("LICENSE"):
            file.unlink()


def _tar(tree: Path) -> bytes:
    """Same order, times and owners each time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for item in (tree, *sorted(tree.rglob("*"))):
            member = tar.gettarinfo(item, f"{PREFIX}/{item.relative_to(tree)}".removesuffix("/."))
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = "root"
            member.mode = 0o755 if member.isdir() else 0o644
            if member.isfile():
                with item.open("rb") as file:
                    tar.addfile(member, file)
            else:
                tar.addfile(member)
    return buffer.getvalue()


def main(arguments: list[str]) -> int:
    """Make the tar, print where it is, or copy it."""
    made = archive()
    if arguments:
        shutil.copy(made, arguments[0])
    print(arguments[0] if arguments else made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
