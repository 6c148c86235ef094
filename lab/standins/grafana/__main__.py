"""The server, and `cli admin reset-admin-password`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab.standins.common import Listener, secret_setting, serve
from lab.standins.grafana import SOFTWARE
from lab.standins.grafana.app import create
from lab.standins.grafana.provisioning import ProvisioningError
from lab.standins.grafana.users import Users


def main(arguments: list[str]) -> int:
    """Run the program."""
    environment = os.environ
    users = Users(Path(environment.get("GF_PATHS_DATA", "/var/lib/grafana")) / "grafana.db")
    if arguments[:1] == ["cli"]:
        words = [word for word in arguments[1:] if word not in ("--homepath", "/usr/share/grafana")]
        if words[:2] != ["admin", "reset-admin-password"] or len(words) != 3:
            known = "cli admin reset-admin-password NEW|--password-from-stdin"
            print(f"this stand-in knows `{known}` only", file=sys.stderr)
            return 2
        new = sys.stdin.read().strip() if words[2] == "--password-from-stdin" else words[2]
        if len(new) < 4:
            print("Error: ✗ new password is too short", file=sys.stderr)
            return 1
        users.reset(new)
        print("Admin password changed successfully ✔")
        return 0
    login = secret_setting(environment, "GF_SECURITY_ADMIN_USER") or "admin"
    users.first_start(login, secret_setting(environment, "GF_SECURITY_ADMIN_PASSWORD") or "admin")
    directory = Path(environment.get("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning"))
    try:
        app = create(users, directory, environment)
    except ProvisioningError as fault:
        print(f"Error: ✗ *provisioning.ProvisioningServiceImpl run error: {fault}", file=sys.stderr)
        return 1
    serve(SOFTWARE, [Listener(app, port=int(environment.get("GF_SERVER_HTTP_PORT", "3000")))])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
