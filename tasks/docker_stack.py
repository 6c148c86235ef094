"""Docker stack: the compose project's files, containers, and configuration reloads."""

from pyinfra.api.deploy import deploy

from estate.models.desired import Desired
from estate.models.stack import Stack
from estate.operations import stack as stack_operations
from estate.operations import system
from estate.operations.converge import converge


@deploy("Docker stack")
def docker_stack(stack: Stack, desired: Desired) -> None:
    """Sync the project, bring its containers up, and reload those whose configuration is not the running one."""
    query = converge(desired, stack.settings.project, handlers=False)
    live, later = stack_operations.handlers(stack, desired, query)
    system.handlers(name="Change credentials of running services", desired=desired, query=query, only=live)
    stack_operations.up(name="Bring up the services", stack=stack, desired=desired, query=query)
    system.handlers(name="Reload changed configuration", desired=desired, query=query, only=later)
