"""Runs pyinfra and counts what passes its SSH connector.

    python -m lab.bench.counted COUNTS.json PYINFRA-ARGUMENTS…

COUNTS.json then holds, for each host, the number of calls of each of the connector's three remote methods.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import Any

METHODS = ("run_shell_command", "put_file", "get_file")

Counts = dict[str, Counter[str]]


def watch(connector: type[Any]) -> Counts:
    """Count the calls of a connector class from now on, by host and method."""
    counts: Counts = {}
    for method in METHODS:
        setattr(connector, method, _counting(getattr(connector, method), counts))
    return counts


def _counting(original: Any, counts: Counts) -> Any:
    @wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        counts.setdefault(self.host.name, Counter())[original.__name__] += 1
        return original(self, *args, **kwargs)

    return call


def totals(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Remote calls a host, whichever the method."""
    return {host: sum(methods.values()) for host, methods in counts.items()}


def main(argv: list[str]) -> None:
    """Run pyinfra's own command line; write the counts however it ends."""
    # pyinfra_cli patches the standard library for gevent on import: before the connector is imported
    from pyinfra_cli.main import main as pyinfra_main  # isort: skip
    from pyinfra.connectors.ssh import SSHConnector

    file, sys.argv = Path(argv[0]), ["pyinfra", *argv[1:]]
    counts = watch(SSHConnector)
    try:
        pyinfra_main()
    finally:
        file.write_text(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1:])
