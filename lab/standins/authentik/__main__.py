"""The `ak` program: server, worker, healthcheck, create_recovery_key (refused, with its reason)."""

from __future__ import annotations

import sys
import threading
import time
import urllib.error
import urllib.request

from lab.standins.authentik import SOFTWARE, VERSION
from lab.standins.authentik.settings import Settings, SettingsError, read

WATCH = 2.0
"""Seconds between two looks at the blueprints' directory; Authentik is told by inotify."""


def _serve(settings: Settings, kind: str) -> None:
    from lab.standins.authentik.app import Authentik, create, metrics_app, worker_app
    from lab.standins.common import Listener, serve
    from lab.standins.rows import PostgresStore

    server = Authentik(settings, PostgresStore(settings.database))
    application = create(server) if kind == "server" else worker_app(server)
    listeners = [Listener(application, settings.host, settings.port)]
    serve(SOFTWARE, [*listeners, Listener(metrics_app(server), settings.host, settings.metrics_port)])


def _apply_for_ever(settings: Settings) -> None:
    from lab.standins.authentik.blueprints import Blueprints
    from lab.standins.rows import PostgresStore

    blueprints = Blueprints(PostgresStore(settings.database), settings.blueprints)
    seen: object = None
    while True:
        files = sorted(settings.blueprints.glob("**/*.yaml"))
        state = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files]
        if state != seen:
            for name, fault in blueprints.apply_all().items():
                print(f"blueprint {name}: {fault or 'applied'}", flush=True)
            seen = state
        time.sleep(WATCH)


def _healthcheck(settings: Settings) -> int:
    host = "127.0.0.1" if settings.host in ("", "::", "0.0.0.0") else settings.host  # noqa: S104
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}/-/health/live/", timeout=5):
            return 0
    except (urllib.error.URLError, OSError) as fault:
        print(f"unhealthy: {fault}", file=sys.stderr)
        return 1


def main(arguments: list[str]) -> int:
    """Run the program."""
    if arguments[:1] == ["--version"]:
        print(f"authentik {VERSION} (lab stand-in)")
        return 0
    if arguments[:1] not in (["server"], ["worker"], ["healthcheck"]):
        print("this stand-in knows `ak server|worker|healthcheck` only", file=sys.stderr)
        return 2
    from lab.standins import probes

    try:
        settings = read()
        if arguments[0] == "healthcheck":
            return _healthcheck(settings)
        probes.postgres(settings.database)
    except (SettingsError, probes.ProbeError) as fault:
        print(f"authentik does not start: {fault}", file=sys.stderr)
        return 1
    if arguments[0] == "worker":
        threading.Thread(target=_apply_for_ever, args=(settings,), daemon=True).start()
    _serve(settings, arguments[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
