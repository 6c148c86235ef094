"""Start the server."""

from __future__ import annotations

import os
import sys

from lab.standins.common import Listener, serve
from lab.standins.n8n import SOFTWARE
from lab.standins.n8n.app import create
from lab.standins.n8n.database import Postgres
from lab.standins.n8n.settings import SettingsError, hold_key, read


def main(arguments: list[str]) -> int:
    """Run `n8n` or `n8n start`."""
    if arguments not in ([], ["start"]):
        print(f"the stand-in knows start only, not {' '.join(arguments)}", file=sys.stderr)
        return 2
    try:
        settings = read(os.environ)
        hold_key(settings)
    except SettingsError as fault:
        print(f"Error: {fault}", file=sys.stderr)
        return 1
    serve(SOFTWARE, [Listener(create(settings, Postgres(settings.database)), port=settings.port)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
