"""Listening sockets against the declaration."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from estate.models.host import Host
from estate.models.stack import Stack
from estate.render.firewall import gateway_ports, own_ports, published_ports
from lab.audit.result import Check, none_of

SCRIPT = "echo @@ports\nss -Htunlp\n"
_PROCESS = re.compile(r'users:\(\("([^"]+)"')


@dataclass(frozen=True, order=True)
class Listener:
    """A socket that others can send to."""

    protocol: str
    port: int
    address: str
    process: str = ""

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port} ({self.process or 'unknown'})"


def parse(lines: Iterable[str]) -> list[Listener]:
    """The lines of `ss -Htunlp`; sockets that only the host itself can reach are left out."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 5:
            continue
        address, _, port = fields[4].rpartition(":")
        plain = address.partition("%")[0].strip("[]")
        if plain.startswith(("127.", "::ffff:127.")) or plain == "::1" or not port.isdigit():
            continue
        process = _PROCESS.search(line)
        found.append(Listener(fields[0], int(port), plain or "*", process[1] if process else ""))
    return sorted(found)


def declared(host: Host, stack: Stack | None) -> set[tuple[str, int]]:
    """The protocol and port of everything that may listen on the host."""
    ports = {(port.protocol, port.port) for port in (*own_ports(host), *published_ports(stack))}
    return ports | {("tcp", host.sshd_port)} | {("tcp", port) for port in gateway_ports(stack)}


def check(host: Host, stack: Stack | None, lines: Iterable[str]) -> Check:
    """Listeners that nobody declared."""
    allowed = declared(host, stack)
    strangers = [str(item) for item in parse(lines) if (item.protocol, item.port) not in allowed]
    return none_of("listening ports that are not declared", strangers)
