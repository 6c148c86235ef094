"""`python -m lab.images HOST:PORT` fills a registry; `--build` only builds; `--table` prints the table."""

from __future__ import annotations

import sys
import time

from lab.images.engine import docker
from lab.images.ensure import all_layers, build_missing, ensure
from lab.images.table import markdown_table


def main(arguments: list[str]) -> int:
    """Run one of the three."""
    started = time.monotonic()

    def progress(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f}s {line}", flush=True)

    if arguments == ["--table"]:
        print(markdown_table())
    elif arguments == ["--build"]:
        build_missing(docker(), list(all_layers().values()), progress)
        progress("built")
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        ensure(arguments[0], progress)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
