"""Activation: everything of a generation but its units. It is done again without harm."""

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import etc, users
from .shell import CURRENT, StandInError, link, read_json, say

ROOTS = Path("/nix/var/nix/gcroots")
WRAPPERS = Path("/run/wrappers/bin")
_WRAPPED = ("sudo", "sudoedit", "su", "newgrp", "passwd", "mount", "umount")
_MARKS = ("# declared: networking.extraHosts", "# end of networking.extraHosts")


def activate(out: Path) -> bool:
    """Make users, /etc, names and sysctls what this generation says, and it the current one.

    A part that fails is told and does not keep the others from being done; the result is whether all were.
    """
    generation = read_json(out / "generation.json", {})
    say("setting up /etc...")
    for command in _WRAPPED:
        link(WRAPPERS / command, f"/usr/bin/{command}")
    Path("/var/empty").mkdir(mode=0o555, exist_ok=True)
    parts: tuple[tuple[str, Callable[[], None]], ...] = (
        ("users", lambda: users.apply(generation)),
        ("etc", lambda: etc.apply(read_json(out / "etc-manifest.json", []))),
        ("names", lambda: names(generation)),
        ("sysctls", lambda: sysctls(generation["sysctl"])),
        ("current system", lambda: current(out)),
    )
    done = [_part(name, do) for name, do in parts]
    return all(done)


def _part(name: str, do: Callable[[], None]) -> bool:
    try:
        do()
    except (StandInError, OSError, KeyError, ValueError) as error:
        say(f"Activation script snippet '{name}' failed: {error}")
        return False
    return True


def current(out: Path) -> None:
    """Make a generation /run/current-system, and keep garbage collection off it."""
    link(CURRENT, str(out))
    for name in ("current-system", "booted-system"):
        link(ROOTS / name, f"/run/{name}")


def names(generation: Mapping[str, Any], hosts: Path = Path("/etc/hosts")) -> None:
    """Set the host's name, and the declared names of others; in place, for the engine mounts both files."""
    if generation["hostName"]:
        socket.sethostname(generation["hostName"])
        Path("/etc/hostname").write_text(generation["hostName"] + "\n")
    with contextlib.suppress(FileNotFoundError):
        before = hosts.read_text()
        after = with_hosts(before, generation["extraHosts"], generation["hostName"])
        if after != before:
            hosts.write_text(after)


def with_hosts(text: str, extra: str, name: str) -> str:
    """The text of /etc/hosts with the declared names instead of those declared before."""
    kept, _, rest = text.partition(_MARKS[0] + "\n")
    kept += rest.partition(_MARKS[1] + "\n")[2]
    own = f"127.0.0.2 {name}\n" if name else ""
    return f"{kept}{_MARKS[0]}\n{own}{extra.rstrip()}\n{_MARKS[1]}\n"


def sysctls(values: Mapping[str, Any], root: Path = Path("/proc/sys")) -> None:
    """Set what is of the network. The rest is the machine's, not a container's: it is named and left."""
    for name, value in sorted(values.items()):
        text = str(int(value)) if isinstance(value, bool) else str(value)
        if not name.startswith("net."):
            say(f"note: {name} is recorded, not set: a container has no kernel of its own")
            continue
        try:
            (root / name.replace(".", "/")).write_text(text)
        except OSError as error:
            say(f"warning: {name} = {text}: {os.strerror(error.errno or 0)}")
