"""Start the server."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.standins.common import Listener, serve
from lab.standins.couchdb import SOFTWARE
from lab.standins.couchdb.app import create
from lab.standins.couchdb.settings import read
from lab.standins.couchdb.store import Store

HOME = Path("/opt/couchdb")


def main(arguments: list[str]) -> int:
    """Run the server."""
    if arguments:
        print(f"the stand-in knows no arguments, such as {arguments[0]}", file=sys.stderr)
        return 2
    try:
        settings = read(HOME / "etc")
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 1
    serve(SOFTWARE, [Listener(create(settings, Store(HOME / "data" / "stand-in.sqlite3")), port=settings.port)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
