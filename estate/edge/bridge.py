"""What the push bridge is told: its configuration and its secrets (files/edge/push_bridge reads them)."""

import json
from typing import Any

from pydantic import SecretStr

from estate.edge.monitors import kuma_token, push_token
from estate.models.edge import Mesh


def config(mesh: Mesh) -> dict[str, Any]:
    """config.json: no secret in it."""
    hub, telemetry = mesh.address(mesh.hub), mesh.telemetry
    return {
        "nodes": [node.name for node in mesh.nodes],
        "listen": hub,
        "port": mesh.bridge_port,
        "kuma": f"http://{hub}:{mesh.kuma_port}",
        "cert_days": telemetry.cert_days,
        "disk_percent": telemetry.disk_percent,
        "error_percent": telemetry.error_percent,
        "silent_after": telemetry.sev2_after,
    }


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
    return SecretStr(json.dumps(document, indent=2, sort_keys=True) + "\n")
