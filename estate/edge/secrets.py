"""The fleet's secrets (pure); what each node's tokens are derived from is in estate/edge/monitors.py."""

from estate.models.edge import Mesh
from estate.models.secret import SecretKind, SecretSpec

KUMA_PASSWORD = "EDGE_KUMA_PASSWORD"  # noqa: S105 - a name
OFFSITE_ID = "EDGE_OFFSITE_KEY_ID"
OFFSITE_KEY = "EDGE_OFFSITE_KEY"
CONSUMERS = {
    "EDGE_PUSH_SEED": ("clavitor", "push-bridge"),
    KUMA_PASSWORD: ("uptime-kuma",),
    OFFSITE_ID: ("vault-offsite",),
    OFFSITE_KEY: ("vault-offsite",),
}


def specs(mesh: Mesh) -> dict[str, SecretSpec]:
    """Every secret that the fleet needs, by name."""
    found = [
        SecretSpec(
            name=mesh.push_seed,
            kind=SecretKind.HEX,
            length=32,
            purpose="What each node's push token, its monitors' tokens and its preshared key are derived from",
        ),
        SecretSpec(
            name=KUMA_PASSWORD, kind=SecretKind.PASSWORD, purpose="Uptime Kuma's administrator, who owns the monitors"
        ),
    ]
    if mesh.offsite:
        found += [
            SecretSpec(
                name=OFFSITE_ID, kind=SecretKind.EXTERNAL, purpose=f"Id of the key that writes to {mesh.offsite.bucket}"
            ),
            SecretSpec(
                name=OFFSITE_KEY,
                kind=SecretKind.EXTERNAL,
                purpose=f"The key that writes the nodes' backups to {mesh.offsite.bucket}",
                rotate_days=365,
            ),
        ]
    return {spec.name: spec for spec in found}
