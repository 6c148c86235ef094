"""Docker stack: the compose project's files, containers, and configuration reloads."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.models.stack import Stack
from estate.operations import releases
from estate.operations import stack as operations
from estate.operations.converge import converge
from estate.operations.system import handlers


@deploy("Docker stack")
def docker_stack(stack: Stack, desired: Desired) -> None:
    """Sync the project, bring its containers up, and reload those whose configuration is not the running one.

    Whatever fails once its files are written takes it back to the release before; what succeeds is a new one.
    """
    query = converge(desired, stack.settings.project, handlers=False)
    names = operations.handlers(stack, desired, query)
    back = releases.otherwise(stack, desired)
    handlers(
        name="Change credentials of running services", desired=desired, query=query, only=names.before, otherwise=back
    )
    operations.up(name="Bring up the services", stack=stack, desired=desired, query=query)
    handlers(name="Reload changed configuration", desired=desired, query=query, only=names.after, otherwise=back)
    handlers(name="Keep the release", desired=desired, query=query, only=names.last)
