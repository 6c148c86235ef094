"""The secrets of a host's backups, of which the backups are the consumer."""

from estate.models.backup import BackupSettings
from estate.models.secret import SecretKind, SecretSpec

CONSUMER = "backups"
"""Who uses them: no service, but what the deploy writes for the backups."""
IDENTITY = "BACKUP_IDENTITY"
SIGNING_SEED = "BACKUP_SIGNING_SEED"
_B2 = {"key_id": r"[0-9a-f]{12}|00[0-9a-f]{23}", "key_secret": r"K00[A-Za-z0-9+/]{28}|00[0-9a-f]{40}"}
"""What Backblaze gives out (leak rules: .gitleaks.toml)."""

_OWN = (
    SecretSpec(
        name=IDENTITY,
        kind=SecretKind.AGE,
        purpose="opens backup sets on the host, for drills and restores",
        fixed="every set so far is opened with it",
        bootstrap=True,
    ),
    SecretSpec(
        name=SIGNING_SEED,
        kind=SecretKind.HEX,
        length=32,
        purpose="what the key is made from that signs backup sets",
        fixed="every set so far is signed with it",
        bootstrap=True,
    ),
)


def backup_specs(settings: BackupSettings) -> dict[str, SecretSpec]:
    """Every secret that these backups need, by name.

    Identity and seed are bootstrap secrets: a host that is made anew needs them before Infisical is back.
    """
    found = {spec.name: spec for spec in _OWN}
    for store in settings.rclone_stores:
        for field, purpose in (("key_id", "id of the key to"), ("key_secret", "key to")):
            name = str(getattr(store, field))
            pattern = _B2[field] if store.type == "b2" else ""
            found[name] = SecretSpec(
                name=name, kind=SecretKind.EXTERNAL, purpose=f"{purpose} the bucket {store.bucket}", pattern=pattern
            )
    return found
