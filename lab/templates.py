"""Templates for the lab's Proxmox nodes, made of the image of the lab's hosts."""

import subprocess
from pathlib import Path

from lab.docker import Docker
from lab.errors import CommandError
from lab.hosts import NETWORK
from lab.paths import LabPaths

NAMES = ("debian-12-standard_12.12-1_amd64.tar.zst", "debian-13-standard_13.1-2_amd64.tar.zst")
"""Proxmox's names; both archives are the lab's own Debian 13."""
_SCRIPT = """
userdel -r mitch 2>/dev/null
rm -rf /etc/sudoers.d/mitch /usr/local/sbin/lab-* /lab
exec tar c -C / --one-file-system --numeric-owner --exclude=./.dockerenv .
"""
_COMPRESS = ("zstd", "-q", "-T0", "-3", "-c")


def ensure(docker: Docker, paths: LabPaths, image: str) -> str:
    """Make the templates, unless there are those of this image; says what was done."""
    mark, files = paths.templates / "image", [paths.templates / name for name in NAMES]
    wanted = f"{image}\n{_SCRIPT}"
    if mark.exists() and mark.read_text() == wanted and all(path.exists() for path in files):
        return "already there"
    paths.templates.mkdir(parents=True, exist_ok=True)
    partial = paths.templates / "partial"
    _archive(docker, image, partial)
    for path in files:
        path.unlink(missing_ok=True)
        path.hardlink_to(partial)
    partial.unlink()
    mark.write_text(wanted)
    return "made"


def _archive(docker: Docker, image: str, target: Path) -> None:
    name = f"{NETWORK}-template"
    docker.run("rm", "--force", name, check=False)
    argv = [*docker.prefix, "run", "--rm", f"--name={name}", "--network=none", image, "sh", "-c", _SCRIPT]
    with target.open("wb") as out, subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as source:
        done = subprocess.run(_COMPRESS, stdin=source.stdout, stdout=out, stderr=subprocess.PIPE, check=False)
        _, said = source.communicate()
    if source.returncode or done.returncode:
        raise CommandError(
            argv, source.returncode or done.returncode, "", (said + done.stderr).decode(errors="replace")
        )
