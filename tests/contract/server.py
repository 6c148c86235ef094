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


def serve(app) -> tuple[uvicorn.Server, str]:
    """Serve an application on a free port; gives the server and its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", http="h11", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return server, f"http://127.0.0.1:{listener.getsockname()[1]}"


class Switch:
    """A store that a test can exchange for an empty one: one server serves the whole session.

    Two of them would share a thread: importing pyinfra makes every thread a greenlet.
    """

    def __init__(self):
        self.current = MemoryStore()

    def __getattr__(self, name):
        return getattr(self.current, name)
