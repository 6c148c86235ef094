"""Infisical's first start: from the controller over its API, then the host's own token onto the host."""

from collections.abc import Generator

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.clients.http import Policy
from estate.operations.announce import announce
from estate.operations.command import controller, script
from estate.operations.files import TIMEOUT, apply_script, payload
from estate.plan.change import Change
from estate.plan.files import FilePlan, plan_files
from estate.plan.state import HostState
from estate.render.infisical import TOKEN_FILE, HostAccess, infisical
from estate.secret_store.backend import Backend
from estate.secret_store.provision import provision
from estate.secrets.sealed import Sealed

PATIENCE = Policy(attempts=40, patience=120, first_wait=1, longest_wait=3)
"""Caddy may still be getting its certificate."""


def planned(backend: Backend, sealed: Sealed) -> list[Change]:
    """What setting Infisical up will make."""
    assert backend.store is not None  # noqa: S101
    assert backend.stack is not None  # noqa: S101
    store, stack = backend.store, backend.stack
    return [
        Change("api", f"infisical organization {store.organization}", "create"),
        Change("api", f"infisical project {store.project}, environment {store.environment}", "create"),
        Change("api", "infisical identities operator, deploy, host", "create"),
        Change("api", f"infisical {len(sealed.secrets)} secrets", "create", ("from the sealed copy",)),
        Change("file", f"{stack.compose_dir}/{TOKEN_FILE}", "create"),
        Change("file", f"{stack.scripts_dir}/load-secrets.sh", "create"),
    ]


def host_plan(backend: Backend, sealed: Sealed) -> FilePlan:
    """The files that the host gets of a provisioned Infisical."""
    assert backend.store is not None  # noqa: S101
    assert backend.stack is not None  # noqa: S101
    access = sealed.access
    assert access is not None  # noqa: S101
    desired = infisical(backend.stack, backend.store, HostAccess(access.project, access.host_token()))
    return plan_files(desired, HostState())


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
