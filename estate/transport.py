"""An SSH connection that does not wait for answers which nothing depends on.

What paramiko 4 and pyinfra 3.10 wait for, and this does not (docs/performance.md has each in round trips):

- small writes: TCP_NODELAY is never set, so Nagle's algorithm and the host's delayed ACKs add to most steps;
- "the login service is there" (RFC 4253, 10): the login follows at once, as a server reads in order. sshd itself has
  Nagle on at that time and holds its next answer back until the first is acknowledged, which we do at once;
- a channel for each command: here the next one's is opened while nobody waits for it, and the first one's together
  with the login, which RFC 4252, 5.1 provides for.
"""

import socket
from typing import Any

import gevent
from paramiko import AuthenticationException, Channel, Message, PKey, SSHException
from paramiko import ServiceRequestingTransport as _Transport  # type: ignore[attr-defined]  # types-paramiko lacks it
from paramiko.common import cMSG_SERVICE_REQUEST

DEAD_AFTER = 20
"""Seconds without an answer from the host's kernel after which the connection counts as dead."""


def _is_tcp(sock: Any) -> bool:
    """Whether it is not a channel through a jump host, nor a proxy command."""
    return isinstance(sock, socket.socket) and sock.family in (socket.AF_INET, socket.AF_INET6)


def tune(sock: Any) -> None:
    """Send small packets at once, and end when the other side is gone (TCP_USER_TIMEOUT, RFC 5482)."""
    if _is_tcp(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER * 1000)


class QuickTransport(_Transport):  # type: ignore[misc]
    """A connection that logs in at once."""

    auth_handler: Any

    def __init__(self, sock: Any, **options: Any) -> None:
        tune(sock)
        super().__init__(sock, **options)

    def ensure_session(self) -> None:
        """Ask for the login service, once, and do not wait for it."""
        if self.auth_handler is not None or not self.active or not self.initial_kex_done:
            super().ensure_session()
            return
        request = Message()
        request.add_byte(cMSG_SERVICE_REQUEST)
        request.add_string("ssh-userauth")
        self._send_message(request)
        self.auth_handler = self.get_auth_handler()

    def _parse_service_accept(self, message: Message) -> None:
        super()._parse_service_accept(message)
        if _is_tcp(self.sock):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class CommandTransport(QuickTransport):
    """A connection with a session channel in reserve, for the next command."""

    def __init__(self, sock: Any, **options: Any) -> None:
        super().__init__(sock, **options)
        self._spare: Any = None

    def prepare(self) -> None:
        """Begin to open the next command's channel."""
        if self._spare is None:
            self._spare = gevent.spawn(self._reserve)

    def _reserve(self) -> Channel | None:
        """A channel; None when the host has no more of them (MaxSessions) or is gone."""
        try:
            channel: Channel = super().open_session()
        except (SSHException, EOFError, OSError):
            return None
        return channel

    def open_session(self, *args: Any, **kwargs: Any) -> Channel:
        """A session channel: the one in reserve, if it is still open."""
        spare, self._spare = self._spare, None
        channel: Channel | None = None
        if spare is not None:
            with gevent.Timeout(DEAD_AFTER, exception=False):
                channel = spare.get()
        self.prepare()
        if channel is None or channel.closed:
            channel = super().open_session(*args, **kwargs)
        return channel


class OneKeyTransport(CommandTransport):
    """A connection for a login with one key: if that is refused, there is no second try."""

    def auth_publickey(self, username: str, key: PKey) -> list[str]:
        """Log in, and open the first command's channel meanwhile.

        The greenlet begins when this one waits, that is, when the login is sent.
        """
        self.prepare()
        try:
            allowed: list[str] = super().auth_publickey(username, key)
        except AuthenticationException:
            raise
        except SSHException as error:
            # paramiko keeps one last error a connection: the channel's refusal may hide the login's
            if self.is_active() and not self.is_authenticated():
                raise AuthenticationException("Authentication failed.") from error
            raise
        return allowed
