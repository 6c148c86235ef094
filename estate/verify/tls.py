"""How a host speaks TLS, seen from the controller: which versions, and what it tells browsers."""

import socket
import ssl
from dataclasses import dataclass

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Spoken:
    """What came of a connection in one version: the head of the answer, or why there was none."""

    head: str = ""
    error: str = ""

    def header(self, name: str) -> str:
        """A header of the answer; empty when it has none."""
        pairs = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return next((value.strip() for key, _, value in pairs if key.lower() == name.lower()), "")


def speak(address: str, name: str, version: str, authority: str | None, port: int = 443) -> Spoken:
    """Ask a site for its first page in exactly one version of TLS ("1.2", "1.3"), its certificate verified.

    + authority: PEM of the root to trust in place of the system's
    """
    context = ssl.create_default_context(cadata=authority) if authority else ssl.create_default_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    try:
        with (
            socket.create_connection((address, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer and (data := tls.recv(65536)):
                answer += data
    except OSError as error:
        return Spoken(error=str(error) or type(error).__name__)
    return Spoken(answer.partition(b"\r\n\r\n")[0].decode(errors="replace"))
