"""From an empty Infisical to one that the deploy reads: admin, project, environment, identities, secrets.

Every step looks first, and what it got is sealed before the next one: interrupted at any point, a second
run goes on from there.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from estate.clients.errors import ApiError
from estate.clients.infisical import Infisical
from estate.clients.infisical_admin import Admin
from estate.models.faults import EstateFaults, Fault
from estate.secret_store.backend import Backend
from estate.secrets.compare import trimmed
from estate.secrets.generate import password
from estate.secrets.sealed import Access, Identity, Issued, Sealed

TOKEN_LIFE = 3600
"""Seconds that an access token lives: a deploy takes minutes."""
_ROLES = {"operator": ("admin", "admin"), "deploy": ("no-access", "viewer"), "host": ("no-access", "viewer")}
"""By identity: the role in the organization, and the one in the project."""


def new_access(backend: Backend) -> Access:
    """Credentials of an admin that is yet to be made."""
    assert backend.store is not None  # noqa: S101
    return Access(admin_email=backend.store.admin_email, admin_password=SecretStr(password(40)))


def issue(admin: Admin, identity: str, days: int) -> Issued:
    """A new client secret that is good for some days; 0: for good."""
    made = admin.client_secret(identity, f"estate {datetime.now(UTC):%Y-%m-%d}", days * 86400)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    return Issued(id=made.id, secret=SecretStr(made.text), expires=expires)


class Provision:
    """The steps over one server and one sealed copy."""

    def __init__(self, backend: Backend, sealed: Sealed, save: Callable[[Sealed], None], infisical: Infisical) -> None:
        assert backend.store is not None  # noqa: S101
        self.backend, self.store, self.sealed, self.save = backend, backend.store, sealed, save
        self.infisical, self.admin = infisical, Admin(infisical)

    def run(self) -> None:
        """Go through all steps that are left. Raises ApiError, or EstateFaults."""
        if self.sealed.access is None:
            self.sealed.access = new_access(self.backend)
            self.save(self.sealed)
        access = self.sealed.access
        if access.operator is None:
            self._first_admin(access)
            self._project(access)
            access.operator = self._identity(access, "operator", 0)
            self.save(self.sealed)
        self.infisical.login(access.operator.client_id, access.operator.secret.secret.get_secret_value())
        access.bootstrap_token = None
        if access.deploy is None:
            access.deploy = self._identity(access, "deploy", self.store.token_days)
            self.save(self.sealed)
        if access.host is None:
            access.host = self._identity(access, "host", self.store.token_days)
            self.save(self.sealed)
        self._push(access)
        access.complete = True
        self.save(self.sealed)

    def _first_admin(self, access: Access) -> None:
        if access.bootstrap_token is not None:
            self.infisical.token = access.bootstrap_token.get_secret_value()
            return
        password = access.admin_password.get_secret_value()
        made = self.admin.bootstrap(access.admin_email, password, self.store.organization)
        if made is None:
            # Made by an earlier run that was cut off before it could seal the answer
            made = self.admin.sign_in(access.admin_email, password, self.store.organization)
        if made is None:
            fault = "the instance has an admin already, and this sealed copy is not the one that knows it"
            remedy = "bring the sealed copy that belongs to it, or `estate secrets reset --data`"
            raise EstateFaults([Fault("infisical/bootstrap", fault, remedy)])
        access.organization, access.bootstrap_token = made.organization, SecretStr(made.token)
        self.save(self.sealed)

    def _project(self, access: Access) -> None:
        access.project = self.admin.project(self.store.project, self.store.project)
        self.admin.environment(access.project, self.store.environment)
        self.admin.folder(access.project, self.store.environment, self.store.path)

    def _identity(self, access: Access, who: str, days: int) -> Identity:
        in_organization, in_project = _ROLES[who]
        identity = self.admin.identity(access.organization, f"estate-{who}", in_organization)
        client_id = self.admin.universal_auth(identity, TOKEN_LIFE)
        self.admin.membership(access.project, identity, in_project)
        for old in self.admin.client_secrets(identity):
            # Of an interrupted run: its text was never kept, so nobody can be using it
            self.admin.revoke(identity, str(old["id"]))
        return Identity(id=identity, client_id=client_id, secret=issue(self.admin, identity, days))

    def _push(self, access: Access) -> None:
        scope = self.backend.scope(access.project)
        wanted = self.sealed.values()
        self.infisical.upsert(scope, wanted)
        there = self.infisical.secrets(scope)
        differ = sorted(name for name, value in wanted.items() if there.get(name) != trimmed(value))
        if differ:
            remedy = "see whether another client writes to this folder"
            raise EstateFaults([Fault(str(scope), f"read back with another value: {', '.join(differ)}", remedy)])


def provision(backend: Backend, sealed: Sealed, infisical: Infisical) -> None:
    """Set Infisical up for this estate and note its credentials in the sealed file.

    Raises EstateFaults with what went wrong; what was done is sealed, and the next run goes on from there.
    """
    try:
        Provision(backend, sealed, backend.file.save, infisical).run()
    except ApiError as error:
        raise EstateFaults([error.fault]) from None
