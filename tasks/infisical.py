"""Infisical: its first start, and what the host needs to load its secrets by itself."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.operations import infisical as operations
from estate.operations.converge import converge
from estate.secret_store.backend import Backend
from estate.secret_store.load import Loaded, Origin


@deploy("Infisical")
def infisical(backend: Backend, loaded: Loaded, desired: Desired | None) -> None:
    """Set an empty Infisical up; afterwards keep the host's script and token as declared."""
    if loaded.origin is Origin.BOOTSTRAP and loaded.sealed is not None:
        operations.bootstrap(name="Set Infisical up", backend=backend, sealed=loaded.sealed)
    elif desired is not None:
        converge(desired)
