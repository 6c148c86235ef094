"""The compose project: containers brought to their declared state, in one command."""

import shlex
from collections.abc import Generator
from functools import cache
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.facts.host_state import StateQuery, recall
from estate.models.desired import Desired
from estate.models.stack import Stack
from estate.operations.announce import announce
from estate.operations.command import script
from estate.plan.change import Change
from estate.plan.containers import containers, drifted_files, live_credentials, wanted_inputs
from estate.plan.files import plan_files

_UNSEEN = ("is unhealthy", "was changed on the host")


@cache
def _up_script() -> str:
    return (Path(__file__).parent / "stack_up.sh").read_text()


def up_script(stack: Stack, changes: list[Change], names: dict[str, str]) -> str:
    """The shell script that makes the changes.

    + names: the container names of services that are there, for those to be removed
    """
    up = [c.name for c in changes if c.action != "delete"]
    words = {
        "COMPOSE_DIR": stack.compose_dir,
        "PROJECT": stack.settings.project,
        "TIMEOUT": str(stack.settings.up_timeout),
        "SERVICES": " ".join(up),
        # Compose itself sees no difference in these: their labels are as wanted
        "FORCE": " ".join(c.name for c in changes if c.action == "recreate" and c.why[0].endswith(_UNSEEN)),
        "ORPHANS": " ".join(names[c.name] for c in changes if c.action == "delete"),
    }
    head = "\n".join(f"{name}={shlex.quote(value)}" for name, value in words.items())
    return f"{head}\n{_up_script()}"


def handlers(stack: Stack, desired: Desired, query: StateQuery) -> tuple[frozenset[str], frozenset[str]]:
    """The task's handlers: those that come before the containers, and those that come after."""
    live = live_credentials(stack, recall(host, query).containers)
    return live, frozenset(handler.name for handler in desired.handlers) - live


@operation()
def up(stack: Stack, desired: Desired, query: StateQuery) -> Generator[StringCommand, None, None]:
    """Create, recreate, start and remove containers as declared; wait until all of them are healthy.

    When one does not become healthy the operation fails with its name, its last health output and log lines.
    """
    state = recall(host, query)
    compose = next(f for f in desired.tree.files if f.path.endswith("/docker-compose.yml"))
    drifted = drifted_files(stack, plan_files(desired, state), state)
    changes = containers(stack, wanted_inputs(compose.content.decode()), state.containers, drifted)
    if not changes:
        host.noop(f"all {len(stack.containers)} containers of {stack.settings.project} are as declared")
        return
    announce(host, desired.task, changes)
    names = {service: container.name for service, container in state.containers.items()}
    yield script(up_script(stack, changes, names), timeout=stack.settings.up_timeout + 900)
