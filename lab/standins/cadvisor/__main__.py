"""The `cadvisor` program; flags which change nothing here are taken and ignored, others refused."""

from __future__ import annotations

import sys

from lab.standins.cadvisor import SOFTWARE, VERSION
from lab.standins.cadvisor.app import create
from lab.standins.cadvisor.containers import Roots
from lab.standins.common import Listener, serve

IGNORED = {
    *("logtostderr", "housekeeping_interval", "max_housekeeping_interval", "docker_only", "disable_metrics"),
    *("enable_metrics", "storage_duration", "docker", "docker_root", "containerd", "v", "stderrthreshold"),
    *("global_housekeeping_interval", "allow_dynamic_housekeeping", "whitelisted_container_labels"),
}


def flags(arguments: list[str]) -> dict[str, str]:
    """Read the flags; exit on an unknown one."""
    found: dict[str, str] = {}
    for argument in arguments:
        name, _, value = argument.lstrip("-").partition("=")
        if name not in IGNORED | {"port", "listen_ip", "store_container_labels", "version"}:
            print(f"flag provided but not defined: -{name}", file=sys.stderr)
            raise SystemExit(2)
        found[name] = value or "true"
    return found


def main(arguments: list[str]) -> int:
    """Run the program."""
    given = flags(arguments)
    if "version" in given:
        print(f"cAdvisor version {VERSION} (lab stand-in)")
        return 0
    app = create(Roots(), labels=given.get("store_container_labels", "true") == "true")
    host = given.get("listen_ip", "0.0.0.0")  # noqa: S104
    serve(SOFTWARE, [Listener(app, host, int(given.get("port", "8080")))])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
