"""What can be seen of a host from the controller: open ports, how sshd lets in, and sites over TLS."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

COMMON_PORTS = (
    *(21, 23, 25, 53, 80, 111, 443, 2019, 2049, 2375, 2376, 3000, 3100, 3306, 5000, 5432, 6379, 8000),
    *range(8080, 8086),
    *(8443, 9000, 9001, 9090, 9093, 9100),
)
_DENIED = re.compile(r"Permission denied \(([\w,-]+)\)")


def is_open(address: str, port: int, timeout: float = 1.5) -> bool:
    """Whether a TCP connection can be opened within `timeout` seconds."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False


def open_ports(address: str, ports: Iterable[int]) -> set[int]:
    """Those of the ports that answer; asked at once, because a dropped packet costs the whole timeout."""
    asked = sorted(set(ports))
    with ThreadPoolExecutor(max_workers=64) as pool:
        found = pool.map(lambda port: is_open(address, port), asked)
        return {port for port, answers in zip(asked, found, strict=True) if answers}


def login_methods(stderr: str) -> list[str]:
    """The ways to log in that sshd offered when it refused a login without any; empty when it said nothing."""
    found = _DENIED.search(stderr)
    return found[1].split(",") if found else []


def ask_login_methods(config: Path, name: str) -> list[str]:
    """What the running sshd offers to a client that has nothing to show: one refused login.

    `sshd -T` reads the files; this asks the process.
    """
    options = ("PubkeyAuthentication=no", "PreferredAuthentications=none", "ControlPath=none", "ConnectTimeout=15")
    argv = ["ssh", "-F", str(config), *(word for option in options for word in ("-o", option)), name, "true"]
    try:
        result = subprocess.run(argv, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return []
    return login_methods(result.stderr)


@dataclass(frozen=True)
class Answer:
    """How a site answered: status, where it redirects to, its text; or why it did not answer."""

    status: int = 0
    location: str = ""
    error: str = ""
    text: str = ""


def _without_certificate(answer: Answer) -> bool:
    """Whether the server has no certificate for the name, which is how Caddy answers while it gets one."""
    return "alert internal error" in answer.error


def visit_new(url: str, address: str, ca: str | None) -> Answer:
    """`visit` a site that may be new: an attempt at a certificate that failed is repeated by Caddy after 60 s."""
    patient = Retrying(
        retry=retry_if_result(_without_certificate),
        wait=wait_fixed(3),
        stop=stop_after_delay(75),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else Answer(),
    )
    answer: Answer = patient(visit, url, address, ca)
    return answer


def visit(url: str, address: str, ca: str | None) -> Answer:
    """Ask for a URL at an address of our choice, its certificate verified against `ca` (PEM) or the system's roots.

    The name goes into SNI and the Host header, so that DNS need not point there yet.
    """
    parsed = httpx.URL(url)
    context = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()
    try:
        with httpx.Client(verify=context, timeout=10, trust_env=False) as client:
            response = client.get(
                parsed.copy_with(host=address),
                headers={"Host": parsed.host},
                extensions={"sni_hostname": parsed.host},
            )
    except httpx.HTTPError as error:
        return Answer(error=str(error) or type(error).__name__)
    return Answer(response.status_code, response.headers.get("location", ""), text=response.text)
