"""The SSH connection of a host: kept from hanging for ever, and asked whether it still lives."""

import socket
from typing import Any

from pyinfra import logger
from pyinfra.api.host import Host

from estate.facts.quiet import ReadError, read

DEAD_AFTER = 20
"""Seconds without an answer from the host's kernel after which the connection counts as dead."""
_KEEPALIVE = 5
_PROBE = 10


def _transport(host: Host) -> Any:
    client = getattr(host.connector, "client", None)
    return client.get_transport() if client is not None else None


def watch(host: Host) -> None:
    """Let the kernel end a connection whose other side no longer acknowledges anything.

    A command's own time limit has to allow for the longest honest run; a black hole is noticed by this
    (TCP_USER_TIMEOUT, RFC 5482; the keepalive is what there is to acknowledge).
    """
    transport = _transport(host)
    if transport is None:
        return
    transport.set_keepalive(_KEEPALIVE)
    plain: Any = getattr(transport, "sock", None)
    if plain is not None and hasattr(plain, "setsockopt"):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER * 1000)


def alive(host: Host) -> bool:
    """Whether the host still answers on its connection."""
    transport = _transport(host)
    if transport is not None and not transport.is_active():
        return False
    try:
        read(host, ":", timeout=_PROBE)
    except ReadError as error:
        logger.debug("%s does not answer: %s", host.name, error)
        return False
    return True
