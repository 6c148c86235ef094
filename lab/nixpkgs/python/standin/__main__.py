"""`python3 -m standin COMMAND …`: the commands of a NixOS host, as the lab has them."""

import os
import signal
import sys

from . import boot, build, infect, rebuild, switch, version
from .shell import StandInError, say

COMMANDS = {
    "build": build.main,
    "boot": boot.main,
    "switch-to-configuration": switch.main,
    "activate": switch.activate_only,
    "nixos-rebuild": rebuild.main,
    "nixos-version": version.main,
    "nixos-infect": infect.main,
}


def main() -> int:
    """Run the command that is named first; faults go to standard error, with status 1."""
    os.environ.pop("PYTHONPATH", None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return COMMANDS[sys.argv[1]](sys.argv[2:])
    except StandInError as error:
        say(f"error: {error}")
        return error.status


if __name__ == "__main__":
    sys.exit(main())
