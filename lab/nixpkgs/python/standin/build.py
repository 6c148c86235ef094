"""The builder of a generation: writes what it is made of to $out.

etc/ (files and links), etc-manifest.json (path, mode, owner, source), units.json (unit, digest, how it
takes a change), generation.json, nixos-version, sw, activate, bin/switch-to-configuration, specialisation/.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .shell import StandInError, run

_SYSTEM = "systemd/system/"


def main(argv: Sequence[str]) -> int:
    """`OUT GENERATION RUNTIME`: build what the file GENERATION describes, run by the code at RUNTIME."""
    out, runtime = Path(argv[0]), argv[2]
    generation = json.loads(Path(argv[1]).read_text())
    out.mkdir()
    (out / "generation.json").write_text(json.dumps(generation, indent=1, sort_keys=True))
    (out / "nixos-version").write_text(generation["version"])
    (out / "etc-manifest.json").write_text(json.dumps(write_etc(out, generation["etc"]), indent=1))
    (out / "units.json").write_text(json.dumps(units(generation["etc"]), indent=1, sort_keys=True))
    (out / "sw").symlink_to(generation["systemPath"])
    for name, path in generation["specialisations"].items():
        (out / "specialisation").mkdir(exist_ok=True)
        (out / "specialisation" / name).symlink_to(path)
    (out / "bin").mkdir()
    for path, command in ((out / "activate", "activate"), (out / "bin/switch-to-configuration",) * 2):
        _script(path, Path(command).name, runtime, out)
    verify(out)
    return 0


def _script(path: Path, command: str, runtime: str, out: Path) -> None:
    path.write_text(
        f'#!/bin/sh\nexport PYTHONPATH={runtime}\nexec /usr/bin/python3 -BPs -m standin {command} {out} "$@"\n'
    )
    path.chmod(0o555)


def write_etc(out: Path, entries: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Write the files of /etc below out/etc; return the manifest of what is to be where."""
    manifest = []
    for entry in entries:
        path = out / "etc" / entry["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry["source"] is None:
            path.write_text(entry["text"])
            path.chmod(0o444)
        else:
            path.symlink_to(entry["source"])
        owner = {name: entry[name] for name in ("path", "mode", "user", "group")}
        manifest.append(owner | {"source": entry["source"] or str(path)})
    return manifest


def units(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every unit of the generation: the digest of its text, how it takes a change, and what wants it."""
    found: dict[str, dict[str, Any]] = {}
    texts: dict[str, str] = {}
    wanted: dict[str, list[str]] = {}
    for entry in sorted(entries, key=lambda entry: str(entry["path"])):
        below = entry["path"].removeprefix(_SYSTEM)
        if below == entry["path"]:
            continue
        parent, _, name = below.rpartition("/")
        if parent.endswith(".wants"):
            wanted.setdefault(name, []).append(parent.removesuffix(".wants"))
        elif entry["text"] is not None:
            unit = parent.removesuffix(".d") or name
            texts[unit] = texts.get(unit, "") + entry["text"]
    for unit, text in texts.items():
        found[unit] = {
            "digest": hashlib.sha256(text.encode()).hexdigest(),
            "restart": "X-RestartIfChanged=false" not in text,
            "reload": "X-ReloadIfChanged=true" in text,
            "stop": "X-StopIfChanged=false" not in text,
            "wanted": wanted.get(unit, []),
        }
    return found


def verify(out: Path) -> None:
    """What NixOS checks at build time: the firewall's rules and sshd's configuration.

    Raises StandInError with the tool's words. Who is not root, or has no tool that can, does not check.
    """
    checks = (
        (out / "etc/nftables/nixos-fw.nft", ("/usr/sbin/nft", "--check", "--file")),
        (out / "etc/ssh/sshd_config", ("/usr/sbin/sshd", "-G", "-f")),
    )
    for file, command in checks:
        if os.geteuid() == 0 and file.exists() and Path(command[0]).exists():
            done = run(*command, str(file), check=False)
            if done.returncode and "unknown option" not in done.stderr:
                raise StandInError(f"{file.name} is refused by {command[0]}:\n{done.stderr.strip()}")
