"""What one writes by hand for a fleet: one connection and one command as root on each node, all at once.

    python lab/bench/asyncssh_script.py HOSTS.json

HOSTS.json has a list of objects: host, port, username, client_keys, known_hosts. The measure of the fleet's deploy:
it imports nothing but asyncssh.
"""

import asyncio
import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncssh

COMMAND = "sudo -H -n sh -c 'readlink /run/current-system || uname -r'"


async def ask(options: dict[str, Any]) -> str:
    """One node's answer."""
    async with asyncssh.connect(**options, agent_path=None, config=None) as connection:
        result = await connection.run(COMMAND, check=True)
    return str(result.stdout).strip()


async def sweep(file: Path) -> None:
    """Ask all of them; prints how many answered."""
    answers = await asyncio.gather(*(ask(options) for options in json.loads(file.read_text())))
    print(len(answers))


async def steps(host: str, key: str, known_hosts: str) -> None:
    """Print the seconds of connecting, a command, and a command with input (lab.bench.roundtrips)."""
    options = {"username": "root", "client_keys": [key], "known_hosts": known_hosts, "agent_path": None, "config": None}
    times = [time.monotonic()]
    async with asyncssh.connect(host, **options) as connection:
        times.append(time.monotonic())
        await connection.run("sudo -n true", check=True)
        times.append(time.monotonic())
        await connection.run("sudo -n cat", input="text\n", check=True)
        times.append(time.monotonic())
    print(json.dumps([after - before for before, after in pairwise(times)]))


if __name__ == "__main__":
    if sys.argv[1] == "--steps":
        asyncio.run(steps(*sys.argv[2:]))
    else:
        asyncio.run(sweep(Path(sys.argv[1])))
