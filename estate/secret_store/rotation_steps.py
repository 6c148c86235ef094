"""The steps of a rotation against the real estate: Infisical, pyinfra, and the service's own container."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_fixed

from estate.clients.errors import ApiError
from estate.inventory import Estate
from estate.models.faults import EstateFaults, Fault
from estate.models.service import Credential, Service
from estate.pyinfra_run import dry_run, read_changes, run
from estate.remote import run_as_root
from estate.secret_store.backend import Backend
from estate.secret_store.load import Mode
from estate.secrets.redact import redact
from estate.secrets.rotate import Proof
from estate.secrets.sealed import Sealed

_NO_CONTAINER = (125, 126, 127)
"""docker exec's own exit codes: nothing was proven either way."""
ATTEMPTS, PAUSE = 8, 3
"""How often a service is asked, and seconds between."""


def users(estate: Estate, name: str) -> set[str]:
    """The hosts that have a secret: a service of theirs declares it, or they do themselves."""
    stacks = {host for host, stack in estate.stacks.items() if stack.consumers(name)}
    return stacks | {host.name for host in estate.hosts.values() if name in host.secrets}


class EstateSteps:
    """Steps of estate.secrets.rotate.Steps for one inventory.

    + hosts: those that have one of the secrets; the others are left alone
    """

    def __init__(self, estate: Estate, backend: Backend, sealed: Sealed, hosts: Sequence[str]) -> None:
        self.estate, self.backend, self.sealed, self.hosts = estate, backend, sealed, tuple(hosts)
        self.recreated: list[str] = []
        """Containers that the deploys recreated, in order."""

    def _host(self, name: str) -> tuple[str, Service, Credential]:
        for host, stack in self.estate.stacks.items():
            for service, credential in stack.credentials():
                if credential.secret == name:
                    return host, service, credential
        raise KeyError(name)

    def pending(self) -> list[str]:
        """What a dry run of these hosts would change."""
        with TemporaryDirectory() as directory:
            path = Path(directory) / "changes"
            result = dry_run(self.estate.path, self.hosts, path)
            changes = read_changes(path)
        if result.returncode != 0:
            raise EstateFaults([Fault("plan", redact(result.stderr.strip())[-2000:], "see `estate plan`")])
        return [f"{change['action']} {change['kind']} {change['name']}" for change in changes]

    def write(self, values: Mapping[str, str]) -> None:
        """Write to Infisical as the operator."""
        access = self.sealed.access
        assert access is not None  # noqa: S101
        assert access.operator is not None  # noqa: S101
        try:
            with self.backend.infisical() as infisical:
                infisical.login(access.operator.client_id, access.operator.secret.secret.get_secret_value())
                infisical.upsert(self.backend.scope(access.project), values)
        except ApiError as error:
            raise EstateFaults([error.fault]) from None

    def deploy(self, *, sealed: bool = False) -> None:
        """Run pyinfra over these hosts."""
        with TemporaryDirectory() as directory:
            path = Path(directory) / "changes"
            source = Mode.SEALED.value if sealed else ""
            result = run(self.estate.path, self.hosts, "-y", changes=path, secrets=source)
            changes = [change for change in read_changes(path) if change["phase"] == "run"]
        self.recreated += [change["name"] for change in changes if change["kind"] == "container"]
        if result.returncode != 0:
            lines = redact(result.stderr.strip()).splitlines()[-40:]
            raise EstateFaults([Fault("deploy", "failed:\n" + "\n".join(lines), "read it, mend it")])

    def works(self, name: str, value: str, *, patient: bool = True) -> Proof:
        """Ask the service that the secret belongs to, when it is busy several times."""
        asking = Retrying(
            retry=retry_if_result(lambda proof: not proof),
            stop=stop_after_attempt(ATTEMPTS if patient else 1),
            wait=wait_fixed(PAUSE),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else Proof(False),
        )
        proof: Proof = asking(self._ask, name, value)
        return proof

    def _ask(self, name: str, value: str) -> Proof:
        """Ask it once; the value goes through standard input."""
        host, service, credential = self._host(name)
        script = f"docker exec -i {service.name} sh -c {shlex.quote(credential.prove)}"
        outcome = run_as_root(host, self.estate.ssh[host], script, stdin=value, timeout=60)
        words = outcome.stderr.strip()[-300:]
        if outcome.code in _NO_CONTAINER:
            raise EstateFaults([Fault(f"{host}/{service.name}", f"cannot be asked: {words}", "see `docker ps` there")])
        said = f"{service.name} answered with {outcome.code}" + (f": {words}" if words else "")
        return Proof(outcome.code == 0, "" if outcome.code == 0 else said)
