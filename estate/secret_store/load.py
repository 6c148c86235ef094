"""The deploy's secrets: read from Infisical, or from the sealed copy; complete and sound, or not at all."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from estate.clients.errors import ApiError
from estate.clients.infisical import Infisical, Scope
from estate.models.faults import EstateFaults, Fault
from estate.pyinfra_run import SECRETS_FROM
from estate.secret_store.backend import Backend
from estate.secret_store.ledger import ledger_findings, service_token_expiry
from estate.secrets.audit import Finding, Severity, audit
from estate.secrets.sealed import Access, Identity, Sealed


class Mode(StrEnum):
    """Where secrets are to come from."""

    INFISICAL = "infisical"
    SEALED = "sealed"


class Origin(StrEnum):
    """Where they did come from."""

    INFISICAL = "infisical"
    SEALED = "sealed"
    BOOTSTRAP = "bootstrap"
    """The sealed copy, because Infisical is yet to be set up."""


@dataclass(frozen=True)
class Loaded:
    """The values by name, what the audit says of them, and the sealed copy if it could be opened."""

    values: Mapping[str, str] = field(repr=False)
    origin: Origin
    findings: tuple[Finding, ...] = ()
    sealed: Sealed | None = field(default=None, repr=False)

    @property
    def warnings(self) -> list[Finding]:
        """What does not stop a deploy."""
        return [finding for finding in self.findings if finding.severity is Severity.WARN]


def mode_of(word: str | None = None) -> Mode:
    """The mode that was asked for; by default Infisical. Raises EstateFaults for an unknown word."""
    word = word or os.environ.get(SECRETS_FROM) or Mode.INFISICAL
    try:
        return Mode(word)
    except ValueError:
        raise EstateFaults([Fault(f"--secrets {word}", "no such source", "write infisical or sealed")]) from None


def login(infisical: Infisical, access: Access | None, who: Identity | None) -> str:
    """Log in with the environment's credentials, or else with an identity of the sealed copy.

    Returns the id of the project. Raises ApiError, or EstateFaults when there is nothing to log in with.
    """
    token, client = os.environ.get("INFISICAL_TOKEN"), os.environ.get("INFISICAL_CLIENT_ID")
    project = os.environ.get("INFISICAL_PROJECT_ID") or (access.project if access else "")
    if token:
        infisical.token = token
        project = project or (infisical.service_token().project if token.startswith("st.") else "")
    elif client:
        infisical.login(client, os.environ.get("INFISICAL_CLIENT_SECRET", ""))
    elif who is not None:
        infisical.login(who.client_id, who.secret.secret.get_secret_value())
    else:
        remedy = "set INFISICAL_TOKEN, or INFISICAL_CLIENT_ID and INFISICAL_CLIENT_SECRET, or bring the sealed copy"
        raise EstateFaults([Fault("infisical/login", "no credentials", remedy)])
    if not project:
        raise EstateFaults([Fault("infisical/project", "unknown", "set INFISICAL_PROJECT_ID")])
    return project


def from_environment() -> bool:
    """Whether the environment holds credentials for Infisical."""
    return bool(os.environ.get("INFISICAL_TOKEN") or os.environ.get("INFISICAL_CLIENT_ID"))


def _checked_values(scope: Scope, values: dict[str, str]) -> dict[str, str]:
    if not values:
        remedy = "`estate secrets push`, or correct environment and path in group_data (secret_store)"
        raise EstateFaults([Fault(str(scope), "the folder holds no secrets", remedy)])
    return values


def _check_token(infisical: Infisical, scope: Scope) -> None:
    """A service token of another folder would be answered with that folder's secrets, or with none."""
    if not infisical.token.startswith("st."):
        return
    token = infisical.service_token()
    if not token.reads(scope):
        found = ", ".join(f"{environment}:{path}" for environment, path in token.scopes) or "nothing"
        raise EstateFaults([Fault(str(scope), f"the service token reads {found}", "use a token of this folder")])


def read_infisical(backend: Backend, sealed: Sealed | None) -> dict[str, str]:
    """Every value that Infisical has in the estate's folder. Raises EstateFaults for whatever goes wrong."""
    access = sealed.access if sealed else None
    try:
        with backend.infisical() as infisical:
            project = login(infisical, access, access.deploy if access else None)
            scope = backend.scope(project)
            _check_token(infisical, scope)
            return _checked_values(scope, infisical.secrets(scope))
    except ApiError as error:
        raise EstateFaults([error.fault]) from None


def own_findings(backend: Backend, values: Mapping[str, str], sealed: Sealed | None) -> list[Finding]:
    """Infisical's own keys of which Infisical has another value than the sealed copy, which decides them."""
    own = {name: value for name, value in sealed.values().items() if name in backend.own} if sealed else {}
    remedy = "`estate secrets push --sealed` brings Infisical's copy into line"
    text = "Infisical and the sealed copy have different values"
    return [
        Finding(name, backend.consumers(name), text, Severity.REFUSE, remedy)
        for name, value in sorted(own.items())
        if values.get(name, value) != value
    ]


def _rotation_finding(backend: Backend, sealed: Sealed | None) -> list[Finding]:
    if sealed is None or sealed.rotation is None:
        return []
    name = sealed.rotation.name
    users = tuple(user for one in name.split() for user in backend.consumers(one))
    remedy = f"`estate secrets rotate {name}` finishes it"
    return [Finding(name, users, "its rotation was interrupted", Severity.WARN, remedy)]


def load(backend: Backend, mode: Mode) -> Loaded:
    """This run's secrets, with the audit's findings; nothing is decided about them here.

    Raises EstateFaults when they cannot be had from where they are to come from: there is no second best.
    """
    sealed = backend.file.open() if backend.file.exists or not from_environment() else None
    ready = from_environment() or (sealed and sealed.access and sealed.access.complete)
    if backend.store is None or mode is Mode.SEALED:
        origin = Origin.SEALED
    else:
        origin = Origin.INFISICAL if ready else Origin.BOOTSTRAP
    found: list[Finding] = []
    if origin is Origin.INFISICAL:
        values = read_infisical(backend, sealed)
        found = own_findings(backend, values, sealed)
    elif sealed is None:
        raise EstateFaults([Fault(str(backend.file.path), "no sealed secrets", "bring the sealed copy here")])
    else:
        values = sealed.values()
    now = datetime.now(UTC)
    since = {name: entry.since for name, entry in sealed.secrets.items()} if sealed else {}
    found += audit(backend.specs, backend.consumers, values, since=since, now=now)
    found += ledger_findings(backend, sealed, now, service_token_expiry(backend, origin is Origin.INFISICAL))
    found += _rotation_finding(backend, sealed)
    return Loaded(values, origin, tuple(found), sealed)
