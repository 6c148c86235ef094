"""What can be seen of a host from the controller: open ports, and sites over TLS."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

COMMON_PORTS = (21, 23, 25, 53, 80, 111, 443, 2019, 2049, 2375, 2376, 3306, 5000, 8000, 8080, 8443, 9000, 9090, 9100)


def is_open(address: str, port: int, timeout: float = 1.5) -> bool:
    """Whether a TCP connection can be opened within `timeout` seconds."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False


def open_ports(address: str, ports: list[int]) -> list[int]:
    """Those of the ports that answer; asked at once, because a dropped packet costs the whole timeout."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        found = pool.map(lambda port: is_open(address, port), ports)
        return [port for port, answers in zip(ports, found, strict=True) if answers]


@dataclass(frozen=True)
class Site:
    """How a site answered: status, where it redirects to; or why it did not answer."""

    status: int = 0
    location: str = ""
    error: str = ""


def visit(url: str, address: str, ca: str | None) -> Site:
    """Ask for a URL at an address of our choice, its certificate verified against `ca` (PEM) or the system's roots.

    The name goes into SNI and the Host header, so that DNS need not point there yet.
    """
    parsed = httpx.URL(url)
    context = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()
    try:
        with httpx.Client(verify=context, timeout=10) as client:
            response = client.get(
                parsed.copy_with(host=address),
                headers={"Host": parsed.host},
                extensions={"sni_hostname": parsed.host},
            )
    except httpx.HTTPError as error:
        return Site(error=str(error) or type(error).__name__)
    return Site(response.status_code, response.headers.get("location", ""))
