"""The report, pushed to the hub at every interval."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lab.standins.clavitor.certificates import Certificates
from lab.standins.clavitor.database import Database
from lab.standins.clavitor.machine import MB, LastHour, Processor, disk, generation, memory
from lab.standins.clavitor.settings import Settings

Report = dict[str, str | int | float]


class Reporter:
    """Gathers the 15 fields."""

    def __init__(self, settings: Settings, database: Database, certificates: Certificates, hour: LastHour) -> None:
        self._settings, self._database, self._certificates, self._hour = settings, database, certificates, hour
        self._processor, self._begun = Processor(), time.monotonic()
        self.sessions: Callable[[], int] = lambda: 0

    def report(self) -> Report:
        """One report."""
        ram, disks = memory(Path("/proc/meminfo").read_text()), disk(self._settings.state)
        requests, errors = self._hour.totals()
        return {
            "node": self._settings.node,
            "ts": int(time.time()),
            "ram_mb": ram[0],
            "ram_pct": ram[1],
            "disk_mb": disks[0],
            "disk_pct": disks[1],
            "cpu_pct": self._processor.percent(),
            "db_size_mb": round(self._database.size() / MB, 3),
            "db_integrity": self._database.integrity,
            "active_sessions": self.sessions(),
            "req_1h": requests,
            "err_1h": errors,
            "cert_days_remaining": self._certificates.days(),
            "nix_gen": generation(),
            "uptime_s": int(time.monotonic() - self._begun),
        }


class Pusher:
    """Posts reports; a hub that is away changes nothing for the users."""

    def __init__(self, settings: Settings, report: Callable[[], Report]) -> None:
        self._settings, self._report = settings, report
        self._stop = threading.Event()
        self._trouble = ""

    def start(self) -> None:
        """Push in the background, at once and then at every interval."""
        if self._settings.push_url:
            threading.Thread(target=self._work, daemon=True).start()

    def stop(self) -> None:
        """Push no more."""
        self._stop.set()

    def _work(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._note(self._push())
            due = max(due + self._settings.push_interval, time.monotonic())

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            said = f"the hub does not take reports: {trouble}" if trouble else "the hub takes reports again"
            print(said, file=sys.stderr, flush=True)
        self._trouble = trouble

    def _push(self) -> str:
        """Send one report; what went wrong, without the token."""
        headers = {"Authorization": f"Bearer {self._settings.push_token}", "Content-Type": "application/json"}
        try:
            body = json.dumps(self._report()).encode()
            request = urllib.request.Request(self._settings.push_url, body, headers, method="POST")  # noqa: S310
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=10) as answer:
                answer.read(4096)
            return ""
        except urllib.error.HTTPError as fault:
            return f"HTTP {fault.code}: {fault.read(200).decode(errors='replace').strip()}"
        except (OSError, ValueError) as fault:
            return f"{type(fault).__name__}: {str(fault)[:120]}"
