"""The stand-in in a thread of this process."""

import socket
import threading
import time

import uvicorn

from estate.clients.http import Policy
from lab.standins.infisical.settings import Settings
from lab.standins.infisical.store import MemoryStore

SETTINGS = Settings("0" * 32, "auth-secret", "postgres://x", "redis://x", "http://x", "127.0.0.1", 0)
QUICK = Policy(connect=5, read=10, attempts=3, first_wait=0.01, longest_wait=0.02)


class _Apps:
    """All applications on one server: importing pyinfra makes every thread a greenlet, and two loops cannot share one.

    A request names its application in the header `x-contract`.
    """

    url = ""

    def __init__(self):
        self.named = {}

    async def __call__(self, scope, receive, send):
        wanted = dict(scope["headers"]).get(b"x-contract", b"").decode()
        await self.named[wanted](scope, receive, send)

    def start(self) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(self, log_level="critical", http="h11", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
        while not server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"


_apps = _Apps()


def serve(app, name: str = "") -> str:
    """Serve an application until the tests end; gives its URL."""
    _apps.named[name] = app
    if not _apps.url:
        _apps.start()
    return _apps.url


class Switch:
    """A store that a test can exchange for an empty one: one server serves the whole session."""

    def __init__(self):
        self.current = MemoryStore()

    def __getattr__(self, name):
        return getattr(self.current, name)
