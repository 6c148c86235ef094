"""The fleet's secrets (pure); what each node's tokens are derived from is in estate/edge/monitors.py."""

from estate.models.edge import Mesh
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
