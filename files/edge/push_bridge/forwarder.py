"""Heartbeats for Uptime Kuma."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from urllib.parse import urlencode, urlsplit

from push_bridge.config import Config, Secrets

LOG = logging.getLogger("push-bridge")


class Forwarder:
    """Passes the newest heartbeat of each node on to Kuma, in the background.

    One place a node: a heartbeat that has not been sent yet is replaced by the next one, so that a Kuma which is away
    delays no push and nothing piles up.
    """

    def __init__(self, config: Config, secrets: Secrets, workers: int = 4) -> None:
        self._config, self._secrets = config, secrets
        self._wanted: dict[str, tuple[str, str, float]] = {}
        self._ready = threading.Condition()
        self._stopped = False
        self.trouble: dict[str, str] = {}
        """Why Kuma did not take a node's last heartbeat."""
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers if config.kuma else 0)]
        for thread in self._threads:
            thread.start()

    def put(self, node: str, status: str, message: str, ping: float) -> None:
        """Want this heartbeat sent; returns at once."""
        if self._threads:
            with self._ready:
                self._wanted[node] = (status, message, ping)
                self._ready.notify()

    def close(self, seconds: float = 3) -> None:
        """Send what is wanted still, for a few seconds."""
        with self._ready:
            self._stopped = True
            self._ready.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))

    def _work(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._wanted or self._stopped)
                if not self._wanted:
                    return
                node = next(iter(self._wanted))
                beat = self._wanted.pop(node)
            self._note(node, next(filter(None, [self._send(node, sev, beat) for sev in ("sev2", "sev1")]), ""))

    def _note(self, node: str, trouble: str) -> None:
        before = self.trouble.get(node, "")
        self.trouble[node] = trouble
        if trouble and trouble != before:
            LOG.warning("Kuma did not take the heartbeat of %s: %s", node, trouble)
        elif before and not trouble:
            LOG.info("Kuma takes the heartbeats of %s again", node)

    def _send(self, node: str, severity: str, beat: tuple[str, str, float]) -> str:
        """Send it to one monitor; the answer is what went wrong, without the address, which holds the token."""
        at = urlsplit(self._config.kuma)
        query = urlencode({"status": beat[0], "msg": beat[1][:250], "ping": f"{beat[2]:g}"})
        connection = http.client.HTTPConnection(at.hostname or "", at.port or 80, timeout=self._config.kuma_timeout)
        try:
            connection.request("GET", f"{at.path}/api/push/{self._secrets.kuma[node][severity]}?{query}")
            answer = connection.getresponse()
            answer.read(4096)
            return "" if answer.status == 200 else f"{severity}: HTTP {answer.status}"
        except (OSError, http.client.HTTPException) as fault:
            return type(fault).__name__
        finally:
            connection.close()
