"""Start the server: check the environment, the database, the cache and the key; then serve.

`infisical-server service-token PROJECT ENVIRONMENT PATH [SECONDS] [write]` makes a legacy service token, which
the real server makes in its web pages only.
"""

from __future__ import annotations

import os
import sys
import time

from lab.standins import probes
from lab.standins.infisical import SOFTWARE
from lab.standins.infisical.settings import Settings, SettingsError, read


def _stop(message: str) -> int:
    print(f"Boot up failed: {message}", file=sys.stderr)
    return 1


def _service_token(settings: Settings, words: list[str]) -> int:
    from lab.standins.infisical.auth import new_service_token
    from lab.standins.infisical.call import Server
    from lab.standins.infisical.store import PostgresStore

    project, environment, path, *rest = words
    seconds = next((float(word) for word in rest if word != "write"), 0)
    server = Server(PostgresStore(settings.database), settings, time.time)
    scopes = [{"environment": environment, "secretPath": path}]
    print(new_service_token(server, project, scopes, "write" in rest, seconds))
    return 0


def main(arguments: list[str]) -> int:
    """Run the server."""
    try:
        settings = read(os.environ)
        if arguments[:1] == ["service-token"]:
            return _service_token(settings, arguments[1:])
        probes.redis(settings.redis)
        probes.postgres(settings.database)
    except (SettingsError, probes.ProbeError) as fault:
        return _stop(str(fault))
    from lab.standins.common import Listener, serve
    from lab.standins.infisical.app import create
    from lab.standins.infisical.store import PostgresStore, same_encryption_key

    store = PostgresStore(settings.database)
    if not same_encryption_key(store, settings.encryption_key):
        return _stop("the database was made with another ENCRYPTION_KEY: its root key cannot be decrypted")
    serve(SOFTWARE, [Listener(create(settings, store, probes.redis), settings.host, settings.port)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
