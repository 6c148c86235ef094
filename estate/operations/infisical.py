"""Infisical's first start: from the controller over its API, then the host's own token onto the host."""

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.clients.http import Policy
from estate.models.desired import Desired
from estate.operations.announce import announce
from estate.operations.command import controller, script
from estate.operations.files import TIMEOUT, apply_script, payload
from estate.plan.change import Change
from estate.plan.files import FilePlan, plan_files
from estate.plan.state import HostState
from estate.render.infisical import HostAccess, infisical
from estate.secret_store.backend import Backend
from estate.secret_store.provision import provision
from estate.secrets.sealed import Sealed

PATIENCE = Policy(attempts=40, patience=120, first_wait=1, longest_wait=3)
"""Caddy may still be getting its certificate."""

UNKNOWN = HostAccess("", {"INFISICAL_CLIENT_ID": "", "INFISICAL_CLIENT_SECRET": ""})
"""Stands for what the first start will give: the files' names do not depend on it."""


def _desired(backend: Backend, access: HostAccess) -> Desired:
    assert backend.host is not None  # noqa: S101
    assert backend.stack is not None  # noqa: S101
    return infisical(backend.host, backend.stack, access)


def planned(backend: Backend, sealed: Sealed) -> list[Change]:
    """What setting Infisical up will make."""
    assert backend.store is not None  # noqa: S101
    store = backend.store
    return [
        Change("api", f"infisical organization {store.organization}", "create"),
        Change("api", f"infisical project {store.project}, environment {store.environment}", "create"),
        Change("api", "infisical identities operator, deploy, host", "create"),
        Change("api", f"infisical {len(sealed.secrets)} secrets", "create", ("from the sealed copy",)),
        *(Change("file", file.path, "create") for file in _desired(backend, UNKNOWN).tree.files),
    ]


def host_plan(backend: Backend, sealed: Sealed) -> FilePlan:
    """The files that the host gets of a provisioned Infisical."""
    access = sealed.access
    assert access is not None  # noqa: S101
    return plan_files(_desired(backend, HostAccess(access.project, access.host_token())), HostState())


@operation()
def bootstrap(backend: Backend, sealed: Sealed) -> Generator[StringCommand, None, None]:
    """Make Infisical's admin, project, environment and identities, push every secret, give the host its token.

    From then on the deploy reads Infisical. Each step looks first and is noted in the sealed copy.
    """
    announce(host, "infisical", planned(backend, sealed))

    def set_up() -> None:
        with backend.infisical(PATIENCE) as api:
            provision(backend, sealed, api)

    yield controller("set Infisical up", set_up)
    # Rendered only now: before, nobody knows the project's id and the host's token
    yield script(apply_script(), timeout=TIMEOUT, stdin=lambda: payload(host_plan(backend, sealed)))
