"""The fleet's secrets, and what is derived from them for each node (pure)."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from estate.models.edge import Mesh, Node
from estate.models.secret import SecretKind, SecretSpec

KUMA_PASSWORD = "EDGE_KUMA_PASSWORD"  # noqa: S105 - a name
CONSUMERS = {"EDGE_PUSH_SEED": ("clavitor", "push-bridge"), KUMA_PASSWORD: ("uptime-kuma",)}


def specs(mesh: Mesh) -> dict[str, SecretSpec]:
    """Every secret that the fleet needs, by name."""
    found = (
        SecretSpec(
            name=mesh.push_seed,
            kind=SecretKind.HEX,
            length=32,
            purpose="What each node's push token, its monitors' tokens and its preshared key are derived from",
        ),
        SecretSpec(
            name=KUMA_PASSWORD, kind=SecretKind.PASSWORD, purpose="Uptime Kuma's administrator, who owns the monitors"
        ),
    )
    return {spec.name: spec for spec in found}


def derive(seed: str, purpose: str, node: Node) -> bytes:
    """32 bytes for one purpose of one node: HMAC-SHA256, so that no node can tell another's (RFC 2104)."""
    return hmac.new(seed.encode(), f"{purpose}:{node.name}".encode(), sha256).digest()


def push_token(mesh: Mesh, values: Mapping[str, str], node: Node) -> str:
    """What the node's pushes are let in by."""
    return derive(values[mesh.push_seed], "push", node).hex()[:40]


def kuma_tokens(mesh: Mesh, values: Mapping[str, str], node: Node) -> dict[str, str]:
    """The tokens of the node's two push monitors; Kuma takes 32 letters and digits."""
    seed = values[mesh.push_seed]
    return {name: derive(seed, f"kuma:{name}", node).hex()[:32] for name in ("sev2", "sev1")}
