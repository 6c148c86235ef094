"""The `vaultwarden` program: serve, `backup`, `hash`."""

from __future__ import annotations

import getpass
import os
import sys
import time
from pathlib import Path

from lab.standins.vaultwarden import SOFTWARE, VERSION
from lab.standins.vaultwarden.settings import SettingsError, read, warn


def _hash() -> int:
    from argon2 import PasswordHasher

    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    print(f"ADMIN_TOKEN='{PasswordHasher(3, 65540, 4).hash(password)}'")
    return 0


def _prepare_key(folder: Path) -> None:
    key = folder / "rsa_key.pem"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text("lab stand-in: not a key\n")


def main(arguments: list[str]) -> int:
    """Run the program."""
    if arguments[:1] in (["--version"], ["-v"]):
        print(f"Vaultwarden {VERSION} (lab stand-in)")
        return 0
    if arguments[:1] == ["hash"]:
        return _hash()
    try:
        settings = read(os.environ)
        path = settings.database
    except SettingsError as fault:
        print(f"Error loading config:\n  {fault}", file=sys.stderr)
        return 12
    from lab.standins.vaultwarden.app import Database, create

    database = Database(path)
    if arguments[:1] == ["backup"]:
        target = settings.folder / time.strftime("db_%Y%m%d_%H%M%S.sqlite3", time.gmtime())
        database.backup(target)
        print(f"Backup to '{target}' was successful")
        return 0
    from lab.standins.common import Listener, serve

    warn(settings)
    _prepare_key(settings.folder)
    serve(SOFTWARE, [Listener(create(settings, database), settings.host, settings.port)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
