"""Rotating the client secrets that Infisical gave us (seed 000, 8.3): new, prove, load, revoke the old."""

from collections.abc import Callable

from estate.clients.errors import ApiError, UnauthorisedError
from estate.clients.infisical import Infisical
from estate.clients.infisical_admin import Admin
from estate.models.faults import EstateFaults, Fault
from estate.secret_store.backend import Backend
from estate.secret_store.provision import issue
from estate.secrets.sealed import Access, Identity, Issued, Sealed

TOKENS = {"operator-token": "operator", "deploy-token": "deploy", "host-token": "host"}
"""Names that `estate secrets rotate` takes, and the identities that they belong to."""


def _identity(access: Access, who: str) -> Identity:
    found = {"operator": access.operator, "deploy": access.deploy, "host": access.host}[who]
    if found is None:
        raise EstateFaults([Fault(f"infisical/{who}", "there is no such identity yet", "deploy first")])
    return found


def _text(issued: Issued) -> str:
    return issued.secret.get_secret_value()


class RotateToken:
    """One rotation of an identity's client secret; interrupted at any point, a second run finishes it."""

    def __init__(self, backend: Backend, sealed: Sealed, say: Callable[[str], None]) -> None:
        assert sealed.access is not None  # noqa: S101
        self.backend, self.sealed, self.access, self.say = backend, sealed, sealed.access, say

    def run(self, who: str, load: Callable[[], None]) -> None:
        """Replace the client secret of an identity.

        + load: brings the new one to whoever uses it, and proves that it is read there
        Raises EstateFaults; the old one is revoked last, so that until then both work.
        """
        try:
            self._run(who, load)
        except ApiError as error:
            raise EstateFaults([error.fault]) from None

    def _save(self) -> None:
        self.backend.file.save(self.sealed)

    def _run(self, who: str, load: Callable[[], None]) -> None:
        identity = _identity(self.access, who)
        assert self.backend.store is not None  # noqa: S101
        days = 0 if who == "operator" else self.backend.store.token_days
        if identity.retired is None:
            if identity.next is None:
                self.say("a new client secret")
                with self._as_operator() as infisical:
                    identity.next = issue(Admin(infisical), identity.id, days)
                self._save()
            self.say("prove that it reads the secrets")
            self._prove(identity.client_id, _text(identity.next))
            identity.secret, identity.retired, identity.next = identity.next, identity.secret, None
            self._save()
        self.say("bring it to where it is used")
        load()
        self.say("revoke the old one, and prove that it is refused")
        with self._as_operator() as infisical:
            Admin(infisical).revoke(identity.id, identity.retired.id)
        self._prove_refused(identity.client_id, _text(identity.retired))
        identity.retired = None
        self._save()

    def _as_operator(self) -> Infisical:
        operator = _identity(self.access, "operator")
        infisical = self.backend.infisical()
        infisical.login(operator.client_id, _text(operator.secret))
        return infisical

    def _prove(self, client_id: str, text: str) -> None:
        with self.backend.infisical() as infisical:
            infisical.login(client_id, text)
            infisical.secrets(self.backend.scope(self.access.project))

    def _prove_refused(self, client_id: str, text: str) -> None:
        try:
            with self.backend.infisical() as infisical:
                infisical.login(client_id, text)
        except UnauthorisedError:
            return
        raise EstateFaults([Fault(client_id, "the revoked client secret still logs in", "revoke it in Infisical")])
