"""The `alloy` program: run, validate, fmt."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from lab.standins.alloy import SOFTWARE, VERSION
from lab.standins.alloy.config import load
from lab.standins.alloy.river import RiverError


def _parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="alloy")
    root.add_argument("--version", action="version", version=f"alloy, version {VERSION} (lab stand-in)")
    verbs = root.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run")
    run.add_argument("path", type=Path)
    run.add_argument("--server.http.listen-addr", dest="listen", default="127.0.0.1:12345")
    run.add_argument("--storage.path", dest="storage", type=Path, default=Path("data-alloy"))
    run.add_argument("--stability.level", dest="stability", default="generally-available")
    run.add_argument("--disable-reporting", action="store_true")
    for verb in ("validate", "fmt"):
        verbs.add_parser(verb).add_argument("path", type=Path)
    return root


def main(arguments: list[str]) -> int:
    """Run the program."""
    given = _parser().parse_args(arguments)
    try:
        load(given.path.read_text())
    except (RiverError, OSError) as fault:
        print(f"Error: {given.path}:{fault}", file=sys.stderr)
        return 1
    if given.verb == "fmt":
        sys.stdout.write(given.path.read_text())
    if given.verb != "run":
        return 0
    from lab.standins.alloy.app import Runner, create
    from lab.standins.common import Listener, serve

    runner = Runner(given.path, given.storage)
    signal.signal(signal.SIGHUP, lambda *_: runner.reload())
    runner.start()
    host, _, port = given.listen.rpartition(":")
    serve(SOFTWARE, [Listener(create(runner), host, int(port))])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
