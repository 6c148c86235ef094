"""nixos-rebuild: builds the configuration with the real Nix, sets the profile, activates."""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .shell import PROFILE, StandInError, banner, need_root, run, say, show
from .switch import ACTIONS

PREPEND = ("systemd-run", "--no-ask-password", "--collect", "--pipe", "--quiet", "--wait", "--service-type=exec")
UNIT = "nixos-rebuild-switch-to-configuration"


def main(argv: Sequence[str]) -> int:
    """`build|switch|test|boot|dry-activate|dry-build|list-generations` with the options of NixOS' own."""
    banner("nixos-rebuild")
    options = _parser().parse_args(argv)
    if options.action == "list-generations":
        return list_generations(options.json)
    if options.action in {"switch", "boot"}:
        need_root()
    if options.rollback:
        path = _rollback(options.action)
    elif options.store_path:
        path = options.store_path
        if options.action in {"switch", "boot"}:
            run("nix-env", "--profile", str(PROFILE), "--set", path)
    else:
        path = _build(options)
    if options.action in ACTIONS:
        return show([*PREPEND, f"--unit={UNIT}", f"{path}/bin/switch-to-configuration", options.action])
    print(path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nixos-rebuild", description=banner.__doc__)
    parser.add_argument("action", choices=(*ACTIONS, "build", "dry-build", "list-generations"))
    parser.add_argument("-I", dest="include", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--rollback", action="store_true")
    parser.add_argument("--store-path")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--show-trace", action="store_true")
    parser.add_argument("--fast", "--no-reexec", action="store_true", dest="fast")
    return parser


def _build(options: argparse.Namespace) -> str:
    say("building the system configuration...")
    include = [word for path in options.include for word in ("-I", path)]
    link = [] if options.action == "build" else ["--no-out-link"]
    trace = ["--show-trace"] if options.show_trace else []
    dry = ["--dry-run"] if options.action == "dry-build" else []
    try:
        done = run("nix-build", "<nixpkgs/nixos>", "-A", "system", *include, *link, *trace, *dry)
    except StandInError as error:
        raise StandInError(
            f"{error}\nCommand 'nix-build <nixpkgs/nixos> -A system' returned non-zero exit status 1."
        ) from None
    path = done.stdout.strip()
    if options.action in {"switch", "boot"}:
        run("nix-env", "--profile", str(PROFILE), "--set", path)
    return path


def _rollback(action: str) -> str:
    if action in {"switch", "boot"}:
        run("nix-env", "--profile", str(PROFILE), "--rollback")
        return os.path.realpath(PROFILE)
    now = int(PROFILE.readlink().name.split("-")[-2])
    older = [found for found in generations() if found["generation"] < now]
    if not older:
        raise StandInError("no generation older than the current one")
    return os.path.realpath(_path(older[0]["generation"]))


def _path(number: int) -> Path:
    return PROFILE.with_name(f"{PROFILE.name}-{number}-link")


def generations() -> list[dict[str, Any]]:
    """The generations of the profile, the newest first, with the keys that NixOS' own has."""
    found = []
    for link in PROFILE.parent.glob(f"{PROFILE.name}-*-link"):
        version = link / "nixos-version"
        special = link / "specialisation"
        found.append(
            {
                "generation": int(link.name.split("-")[-2]),
                "date": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(link.lstat().st_mtime)),
                "nixosVersion": version.read_text() if version.exists() else "Unknown",
                "kernelVersion": os.uname().release,
                "configurationRevision": "Unknown",
                "specialisations": sorted(path.name for path in special.iterdir()) if special.exists() else [],
                "current": PROFILE.exists() and PROFILE.readlink().name == link.name,
            }
        )
    return sorted(found, key=lambda entry: -int(str(entry["generation"])))


def list_generations(as_json: bool) -> int:
    """Print the generations, as JSON or as a table."""
    found = generations()
    if as_json:
        print(json.dumps(found, indent=2))
        return 0
    print("Generation  Build-date           NixOS version          Kernel  Specialisation")
    for entry in found:
        number = f"{entry['generation']}{' current' if entry['current'] else ''}"
        special = " ".join(entry["specialisations"])
        print(f"{number:<11} {entry['date']}  {entry['nixosVersion']:<22} {entry['kernelVersion']}  {special}")
    return 0
