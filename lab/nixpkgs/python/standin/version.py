"""nixos-version, for the current system."""

import json
from collections.abc import Sequence

from .shell import CURRENT, StandInError


def main(argv: Sequence[str]) -> int:
    """`[--json]`: the version of /run/current-system."""
    try:
        version = (CURRENT / "nixos-version").read_text()
    except FileNotFoundError:
        raise StandInError("this is not a NixOS system: /run/current-system is missing") from None
    print(json.dumps({"nixosVersion": version}) if "--json" in argv else f"{version} (Yarara)")
    return 0
