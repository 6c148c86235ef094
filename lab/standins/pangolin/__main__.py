"""Start the three servers."""

from __future__ import annotations

import os
import sys

from lab.standins.common import Listener, serve
from lab.standins.pangolin import SOFTWARE
from lab.standins.pangolin.app import External, internal, pages
from lab.standins.pangolin.settings import PATH, ConfigError, read
from lab.standins.pangolin.store import Store


def main(arguments: list[str]) -> int:
    """Run the servers."""
    try:
        settings = read(PATH.read_text(), os.environ)
    except (OSError, ConfigError) as fault:
        print(f"Error: {fault}", file=sys.stderr)
        return 1
    store = Store(PATH.parent / "db" / "db.sqlite")
    external = External(store, settings).app()
    listeners = [Listener(external, port=3000), Listener(internal(store, settings), port=3001)]
    serve(SOFTWARE, [*listeners, Listener(pages(), port=3002)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
