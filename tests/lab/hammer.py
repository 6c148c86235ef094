"""Requests to a site of the lab, one after the other, and how many of them failed."""

import socket
import ssl
import threading
import time
from http.client import HTTPException, HTTPSConnection

from estate_copy import REPO


class Hammer(threading.Thread):
    """Asks a site again and again, each time over a new connection; keeps what failed."""

    def __init__(self, name, path, pause=0.02):
        super().__init__(daemon=True)
        self.name_, self.path, self.pause = name, path, pause
        self.done = threading.Event()
        self.asked, self.failed, self.slowest = 0, [], 0.0

    def run(self):
        context = ssl.create_default_context(cafile=str(REPO / ".lab/ca/ca.crt"))
        while not self.done.is_set():
            start = time.monotonic()
            self.asked += 1
            try:
                connection = _Connection(self.name_, context)
                connection.request("GET", self.path, headers={"Host": self.name_})
                status = connection.getresponse().status
                if status >= 400:
                    self.failed.append(status)
                connection.close()
            except (OSError, HTTPException) as error:
                self.failed.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - start)
            time.sleep(self.pause)


class _Connection(HTTPSConnection):
    """To the lab's mainframe, under a site's name."""

    def __init__(self, name, context):
        super().__init__("10.99.0.10", 443, context=context, timeout=15)
        self.site = name

    def connect(self):
        raw = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._context.wrap_socket(raw, server_hostname=self.site)
