"""Start the server: check the environment, the database, the cache and the key; then serve."""

from __future__ import annotations

import os
import sys

from lab.standins import probes
from lab.standins.infisical import SOFTWARE
from lab.standins.infisical.settings import SettingsError, read


def _stop(message: str) -> int:
    print(f"Boot up failed: {message}", file=sys.stderr)
    return 1


def main(arguments: list[str]) -> int:
    """Run the server."""
    try:
        settings = read(os.environ)
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
