"""gitleaks on this machine: the one that is installed, or Debian's, put into .venv/bin.

The package of a newer Debian is fetched by apt itself, with a state folder of its own: apt checks it against the signed
index of the mirror that this machine already uses, and the machine's own sources stay as they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.apt import Source, host_sources, machine_sources
from lab.errors import LabError
from lab.run import have, run

SUITES = ("forky", "sid")  # both need glibc 2.34 only; trixie has 8.16, which knows no `gitleaks dir`
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
REMEDY = "install gitleaks 8.21 or newer by hand (a single program: put it on the PATH), then run this again"
_PROBE = """\
[[rules]]
id = "probe"
regex = '''probe-[12]'''
[[rules.allowlists]]
regexes = ['''probe-1''']
"""


def works(program: Path) -> bool:
    """True when it runs here and obeys what .gitleaks.toml needs; Debian's build does not know its own version."""
    with TemporaryDirectory() as folder:
        config = Path(folder) / "probe.toml"
        config.write_text(_PROBE)
        return _status(program, config, b"probe-1\n") == 0 and _status(program, config, b"probe-2\n") == 9


def _status(program: Path, config: Path, text: bytes) -> int:
    argv = [str(program), "stdin", "--no-banner", "--config", str(config), "--exit-code", "9"]
    try:
        done = subprocess.run(argv, input=text, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return -1
    return done.returncode


def source_line(sources: Sequence[Source], suite: str) -> str:
    """The suite at the mirror that the machine uses; empty when it uses none of Debian."""
    lines = host_sources(sources, suite)
    # Debian 13 trusts this keyring only where a source names it
    signed = f"deb [signed-by={KEYRING}] " if KEYRING.exists() else "deb "
    return lines[0].replace("deb ", signed, 1) if lines else ""


def _options(folder: Path) -> list[str]:
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::status": folder / "status",  # apt puts its lock beside it
        "Dir::Cache": folder,
        "Acquire::Languages": "none",
        # the other user could not write to the folder
        "APT::Sandbox::User": "root",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def fetch(suite: str, line: str, folder: Path) -> Path:
    """Download Debian's package with apt's checks, and unpack it; the program's path."""
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"{line}\n")
    with chdir(folder):  # it downloads to where it is
        for command in ("update --error-on=any", "download gitleaks"):
            run(["apt-get", "-qq", *_options(folder), *command.split()], timeout=300, remedy=REMEDY)
    packages = sorted(folder.glob("gitleaks_*.deb"))
    if not packages:
        raise LabError(f"apt-get downloaded no gitleaks from {suite}", REMEDY)
    run(["dpkg-deb", "-x", str(packages[0]), str(folder / "root")])
    return folder / "root" / "usr" / "bin" / "gitleaks"


def find(folder: Path) -> Path | None:
    """A gitleaks that works: in the folder, or on the PATH."""
    installed = shutil.which("gitleaks")
    candidates = [folder / "gitleaks", *([Path(installed)] if installed else [])]
    return next((program for program in candidates if program.exists() and works(program)), None)


def ensure(folder: Path | None = None) -> Path:
    """The path of a gitleaks that works; made available in the folder (.venv/bin) when the machine has none."""
    folder = folder or Path(sys.executable).parent
    if found := find(folder):
        return found
    if not (have("apt-get") and have("dpkg-deb")):
        raise LabError("gitleaks is not installed, and this machine has no apt to fetch it with", REMEDY)
    said = "no Debian mirror in this machine's apt sources"
    for suite in SUITES:
        if not (line := source_line(machine_sources(), suite)):
            break
        print(f"fetching gitleaks from Debian {suite}", file=sys.stderr)
        with TemporaryDirectory() as state:
            try:
                program = fetch(suite, line, Path(state))
            except LabError as error:
                said = error.fault
                continue
            if works(program):
                # in one step: another run may be looking for it
                made = folder / f".gitleaks-{os.getpid()}"
                shutil.copy2(program, made)
                return made.replace(folder / "gitleaks")
            said = f"the gitleaks of Debian {suite} does not run here"
    raise LabError(f"gitleaks is not installed and could not be fetched: {said}", REMEDY)
