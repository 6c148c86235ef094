"""Start the client with Newt's environment."""

from __future__ import annotations

import asyncio
import os
import sys

from lab.standins.common import banner
from lab.standins.newt import SOFTWARE
from lab.standins.newt.client import Newt, Settings


def main(arguments: list[str]) -> int:
    """Run it; it knows its environment only."""
    if arguments:
        print(f"unknown arguments: {' '.join(arguments)}", file=sys.stderr)
        return 2
    try:
        settings = Settings.of(os.environ)
    except KeyError as fault:
        print(f"{fault.args[0]} is not set", file=sys.stderr)
        return 1
    banner(SOFTWARE)
    asyncio.run(Newt(settings).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
