"""Start the process: `clavitor`, or `clavitor --version`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading

from lab.standins.clavitor import SOFTWARE
from lab.standins.clavitor.certificates import Certificates
from lab.standins.clavitor.database import Database, NewerSchemaError
from lab.standins.clavitor.push import Pusher, Reporter
from lab.standins.clavitor.settings import Settings
from lab.standins.clavitor.stamp import Stamp, read
from lab.standins.clavitor.web import Plain, Tls, Vault


def say(text: str) -> None:
    """Write a line to the log."""
    print(text, file=sys.stderr, flush=True)


class Process:
    """Everything that runs."""

    def __init__(self, settings: Settings, stamp: Stamp) -> None:
        settings.state.mkdir(parents=True, exist_ok=True)
        self._settings, self._stamp = settings, stamp
        self.database = Database(settings.state / "clavitor.db", stamp.schema)
        self.certificates = Certificates(settings)
        vault = Vault(settings, stamp, self.database, self.certificates)
        self.plain, self.tls = Plain(vault, settings.http_port), Tls(vault, settings.https_port)
        reporter = Reporter(settings, self.database, self.certificates, vault.hour)
        reporter.sessions = lambda: self.tls.active
        self.pusher = Pusher(settings, reporter.report)
        self._stop = threading.Event()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, and then everyone who is connected; SIGUSR1 checks the database."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=self.database.check, daemon=True).start())
        ports = (self.plain, self.tls)
        threading.Thread(target=self.plain.serve_forever, args=(0.1,), daemon=True).start()
        self.certificates.start()
        threading.Thread(target=self.tls.serve_forever, args=(0.1,), daemon=True).start()
        if self._stamp.fault != "mute":
            self.pusher.start()
        if self._stamp.fault == "crash":
            threading.Timer(3, lambda: os._exit(70)).start()
        say(f"{SOFTWARE} {self._stamp.version} serves {self._settings.domain}; database: {self.database.integrity}")
        while not self._stop.wait(self._settings.check_interval):
            self.database.check()
        self.pusher.stop()
        self.certificates.stop()
        for port in ports:
            port.shutdown()
        for port in ports:
            port.drain(20)
        self.database.close()
        say("stopped")


def main(arguments: list[str]) -> int:
    """Run it; the exit status."""
    stamp = read()
    if arguments == ["--version"]:
        print(stamp.version)
        return 0
    say(f"ESTATE LAB STAND-IN for {SOFTWARE}: not the real thing")
    if arguments:
        say("usage: clavitor [--version]")
        return 2
    try:
        process = Process(Settings.of(os.environ), stamp)
        process.run()
    except (ValueError, OSError, NewerSchemaError, sqlite3.Error, subprocess.SubprocessError) as fault:
        say(f"cannot start: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
