"""The push bridge on the hub: what the nodes told it (files/edge/push_bridge.py)."""

from typing import Any

import httpx

from estate.models.edge import Mesh
from estate.models.faults import EstateFaults, Fault

_TIMEOUT = 10


def status(mesh: Mesh) -> dict[str, Any]:
    """Everything that the bridge knows, by node. Raises EstateFaults when it does not answer."""
    url = f"http://{mesh.address(mesh.hub)}:{mesh.bridge_port}/status"
    try:
        with httpx.Client(timeout=_TIMEOUT, trust_env=False) as client:
            answer = client.get(url).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        remedy = f"see `systemctl status push-bridge` on {mesh.hub.name}, and your own WireGuard"
        raise EstateFaults([Fault(url, str(error) or type(error).__name__, remedy)]) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("nodes"), dict):
        raise EstateFaults([Fault(url, "answers something else", "see what listens there")])
    return answer
