"""The expiry ledger: everything of the secrets that ends by itself, from what is known without asking a host."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from estate.clients.errors import ApiError
from estate.secret_store.backend import Backend
from estate.secrets.audit import Finding
from estate.secrets.expiry import Expiry, Thresholds, findings
from estate.secrets.sealed import Sealed


def sealed_ledger(sealed: Sealed) -> Iterator[Expiry]:
    """What the sealed copy knows: dates given with a secret, and the client secrets that were issued."""
    for name, entry in sorted(sealed.secrets.items()):
        if entry.expires:
            end = datetime.combine(entry.expires, time(), UTC)
            yield Expiry(name, "secret", end, end - entry.since, f"renew it, then `estate secrets set {name}`")
    access = sealed.access
    identities = {"operator": access.operator, "deploy": access.deploy, "host": access.host} if access else {}
    for who, identity in identities.items():
        if identity and identity.secret.expires:
            remedy = f"`estate secrets rotate {who}-token`"
            yield Expiry(f"{who}-token", "machine identity", identity.secret.expires, None, remedy)


def service_token_expiry(backend: Backend, asked: bool) -> list[Expiry]:
    """The end of the legacy service token in INFISICAL_TOKEN, if that is what this run uses."""
    token = os.environ.get("INFISICAL_TOKEN", "")
    if not asked or not token.startswith("st."):
        return []
    try:
        with backend.infisical() as infisical:
            infisical.token = token
            expires = infisical.service_token().expires
    except ApiError:
        return []
    remedy = "docs/runbooks/rotate-a-token.md"
    return [Expiry("INFISICAL_TOKEN", "service token", expires, None, remedy)] if expires else []


def thresholds(backend: Backend) -> Thresholds:
    """From which time left an expiry is reported, and refused."""
    store = backend.store
    return Thresholds(
        timedelta(days=store.warn_days if store else 30), timedelta(days=store.refuse_days if store else 2)
    )


def ledger_findings(backend: Backend, sealed: Sealed | None, now: datetime, more: list[Expiry]) -> list[Finding]:
    """What ends soon, or has ended."""
    entries = [*(sealed_ledger(sealed) if sealed else ()), *more]
    return findings(entries, now, thresholds(backend))
