"""Start the server."""

from __future__ import annotations

import os
import sys

from lab.standins.common import Listener, serve
from lab.standins.hermes import SOFTWARE
from lab.standins.hermes.app import create


def main(arguments: list[str]) -> int:
    """Run the server."""
    if not os.environ.get("HERMES_API_TOKEN"):
        print("HERMES_API_TOKEN is not set", file=sys.stderr)
        return 1
    serve(SOFTWARE, [Listener(create(os.environ), port=int(os.environ.get("PORT", "8000")))])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
