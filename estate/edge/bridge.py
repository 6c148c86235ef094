"""The push bridge's files: its program, its configuration, and its secrets."""

import json
from pathlib import Path

from pydantic import SecretStr

from estate.edge.monitors import kuma_token, push_token
from estate.models.edge import Mesh

PROGRAM = Path(__file__).parents[2] / "files" / "edge" / "push_bridge"
FOLDER = "push_bridge"
"""Beside config.json in /etc/push-bridge; it is run as `python3 /etc/push-bridge/push_bridge`."""


def program() -> dict[str, str]:
    """Its modules: path below /etc/push-bridge and text."""
    return {f"{FOLDER}/{path.name}": path.read_text() for path in sorted(PROGRAM.glob("*.py"))}


def config(mesh: Mesh) -> str:
    """config.json: no secret in it."""
    hub, telemetry = mesh.address(mesh.hub), mesh.telemetry
    document = {
        "nodes": [node.name for node in mesh.nodes],
        "listen": hub,
        "port": mesh.bridge_port,
        "kuma": f"http://{hub}:{mesh.kuma_port}",
        "cert_days": telemetry.cert_days,
        "disk_percent": telemetry.disk_percent,
        "error_percent": telemetry.error_percent,
        "silent_after": telemetry.sev2_after,
    }
    return json.dumps(document, indent=2) + "\n"


def secrets(mesh: Mesh, seed: SecretStr) -> SecretStr:
    """secrets.json: the nodes' tokens and those of their monitors in Kuma."""
    names = [node.name for node in mesh.nodes]
    document = {
        "push": {name: push_token(seed, name).get_secret_value() for name in names},
        "kuma": {
            name: {
                "sev2": kuma_token(seed, "sev2", name).get_secret_value(),
                "sev1": kuma_token(seed, "sev1", name).get_secret_value(),
            }
            for name in names
        },
    }
    return SecretStr(json.dumps(document, indent=2) + "\n")
