"""How many round trips connecting and a command take: the slope of their times over the distance.

    python -m lab.bench.roundtrips

Near, a command's own time and the CPU's would hide them; the slope between two far distances does not have them.
Needs root: it measures on a farm of one host (farm.py).
"""

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

STEPS = ("connect", "command", "command with input")
_NEAR, _FAR = 100, 300
_REPEAT = 3


def variants() -> dict[str, Any]:
    """pyinfra's own transport, then one change more each: the last one is estate's."""
    from paramiko import Transport

    from estate.transport import CommandTransport, OneKeyTransport, QuickTransport, tune

    class NoDelay(Transport):
        def __init__(self, sock: Any, **options: Any) -> None:
            tune(sock)
            super().__init__(sock, **options)

    return {
        "pyinfra 3.10, paramiko 4": Transport,
        "+ TCP_NODELAY": NoDelay,
        "+ login sent with the service request": QuickTransport,
        "+ a channel in reserve": CommandTransport,
        "+ the first channel with the login": OneKeyTransport,
    }


def probe(address: str, key: str, known_hosts: str) -> None:
    """Print the seconds of each step with each variant, as JSON. Runs where the road begins."""
    from pyinfra_cli.main import cli as _patched_for_gevent  # noqa: F401  # isort: skip

    found = {name: _steps(_pyinfra(factory, address, key, known_hosts)) for name, factory in variants().items()}
    found["asyncssh"] = _asyncssh(address, key, known_hosts)
    print(json.dumps(found))


def _steps(steps: Callable[[], list[float]]) -> list[float]:
    """The least of several measurements of each step."""
    return [min(times) for times in zip(*(steps() for _ in range(_REPEAT)), strict=True)]


def _pyinfra(factory: Any, address: str, key: str, known_hosts: str) -> Callable[[], list[float]]:
    from pyinfra.api.config import Config
    from pyinfra.api.inventory import Inventory
    from pyinfra.api.state import State

    from estate.facts.quiet import read
    from estate.transport import CommandTransport

    data = {
        **{"ssh_user": "root", "ssh_key": key, "ssh_known_hosts_file": known_hosts},
        **{"ssh_strict_host_key_checking": "yes", "ssh_paramiko_connect_kwargs": {"transport_factory": factory}},
    }

    def steps() -> list[float]:
        state = State(Inventory(([address], data)), Config())
        host = state.inventory.get_host(address)
        times = [time.monotonic()]
        host.connect(raise_exceptions=True)
        times.append(time.monotonic())
        transport = host.connector.client.get_transport()  # type: ignore[attr-defined]
        if isinstance(transport, CommandTransport):
            transport.prepare()
        read(host, ":")
        times.append(time.monotonic())
        read(host, ":")
        times.append(time.monotonic())
        read(host, "cat", stdin="text\n")
        times.append(time.monotonic())
        host.connector.client.close()  # type: ignore[attr-defined]
        connect, first, second, third = (b - a for a, b in pairwise(times))
        # What the first command waits for a channel belongs to connecting
        return [connect + first - second, second, third]

    return steps


def _asyncssh(address: str, key: str, known_hosts: str) -> list[float]:
    import subprocess

    from lab.bench.asyncssh_script import __file__ as script

    argv = [sys.executable, script, "--steps", address, key, known_hosts]

    def steps() -> list[float]:
        return list(json.loads(subprocess.run(argv, capture_output=True, check=True).stdout))

    return _steps(steps)


def measured() -> dict[str, list[float]]:
    """Round trips of each step, by variant."""
    from lab.bench.farm import farm
    from lab.run import run

    with farm(1) as one:
        seconds = {}
        for rtt in (_NEAR, _FAR):
            with one.road(rtt) as prefix:
                address = one.address(one.names[0])
                argv = [*prefix, sys.executable, "-m", __spec__.name, address, str(one.key), str(one.known_hosts)]
                seconds[rtt] = json.loads(run(argv, timeout=600).stdout)
    span = (_FAR - _NEAR) / 1000
    return {
        name: [(far - near) / span for near, far in zip(seconds[_NEAR][name], seconds[_FAR][name], strict=True)]
        for name in seconds[_NEAR]
    }


def table(found: dict[str, list[float]]) -> list[list[str]]:
    """Rows for a reader: the steps, and a no-op deploy of one task module with all it needs."""
    rows = [["", *STEPS, "connect and 3 commands"]]
    for name, (connect, command, with_input) in found.items():
        total = connect + 2 * command + with_input
        rows.append([name, *(f"{value:.1f}" for value in (connect, command, with_input, total))])
    return rows


def main() -> None:
    """Measure, and print the table."""
    head, *rows = table(measured())
    result = Table(*head)
    for row in rows:
        result.add_row(*row)
    Console().print(result)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    probe(*sys.argv[1:]) if len(sys.argv) == 4 else main()
