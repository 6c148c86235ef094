"""The compose project: containers brought to their declared state, in one command."""

from collections.abc import Generator
from typing import NamedTuple

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.facts.host_state import StateQuery, recall
from estate.models.desired import Desired
from estate.models.stack import Stack
from estate.operations import releases
from estate.operations.announce import announce
from estate.operations.command import script
from estate.plan.change import Change
from estate.plan.containers import containers, drifted_files, live_credentials, rolling, snapshot, wanted_inputs
from estate.plan.files import plan_files
from estate.plan.state import ContainerState
from estate.render.release import release_name
from estate.render.shell import shell, variables

_UNSEEN = ("is unhealthy", "was changed on the host")


class HandlerNames(NamedTuple):
    """The task's handlers: those that come before the containers, those after, and the one that keeps the release."""

    before: frozenset[str]
    after: frozenset[str]
    last: frozenset[str]


def up_script(stack: Stack, desired: Desired, changes: list[Change], there: dict[str, ContainerState]) -> str:
    """The shell script that makes the changes, and that goes back to the last release when it cannot.

    + there: the project's containers by service
    """
    twice = rolling(stack, changes, there)
    up = [c.name for c in changes if c.action != "delete" and c.name not in twice]
    words = {
        "SERVICES": " ".join(up),
        "ROLLING": " ".join(twice),
        # Compose itself sees no difference in these: their labels are as wanted
        "FORCE": " ".join(c.name for c in changes if c.action == "recreate" and c.why[0].endswith(_UNSEEN)),
        "ORPHANS": " ".join(there[c.name].name for c in changes if c.action == "delete"),
    }
    functions = releases.return_functions(stack, desired, snapshot(stack, changes, there))
    return f"{functions}{variables(words)}{shell('operations/stack_up.sh')}"


def handlers(stack: Stack, desired: Desired, query: StateQuery) -> HandlerNames:
    """The names of the task's handlers by when they run."""
    live = live_credentials(stack, recall(host, query).containers)
    last = frozenset({release_name(stack)})
    return HandlerNames(live, frozenset(handler.name for handler in desired.handlers) - live - last, last)


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
    timeout = stack.settings.up_timeout * 2 + 900 + releases.seconds(stack)
    yield script(up_script(stack, desired, changes, state.containers), timeout=timeout)
