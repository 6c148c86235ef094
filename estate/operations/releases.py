"""Going back to the release before: the shell that a failing deploy of a stack ends with."""

import shlex

from estate.models.desired import Desired
from estate.models.service import Service
from estate.models.stack import Stack
from estate.operations.system import Otherwise
from estate.plan.containers import Snapshot
from estate.render.release import places, release_name
from estate.render.shell import shell, variables
from estate.render.stack import credential_handler_name, reload_handler_name, secret_path


def _function(name: str, commands: dict[str, str]) -> str:
    """A shell function that runs the command of the service that it is given."""
    cases = "".join(f"    {service})\n        {command}\n        ;;\n" for service, command in commands.items())
    return f'{name}() {{\n    case "$1" in\n{cases}    *) return 1 ;;\n    esac\n}}\n'


def _credential_files(stack: Stack) -> dict[str, str]:
    return {
        service.name: secret_path(stack, service, item)
        for service, credential in stack.credentials()
        if credential.change
        for item in service.secret_files
        if item.secret == credential.secret and item.text == "{value}"
    }


def _reloading(stack: Stack) -> tuple[Service, ...]:
    return tuple(service for service in stack.containers if service.config and service.config.reload)


def return_functions(stack: Stack, desired: Desired, snapshot: Snapshot | None = None) -> str:
    """The shell functions `report`, `handler_failed`, `go_back` and `snapshot`, with what they read.

    + snapshot: the data to copy first
    """
    snapshot = snapshot or Snapshot()
    release = next(handler for handler in desired.handlers if handler.name == release_name(stack))
    others = {handler.name: handler for handler in desired.handlers if handler is not release}
    files = _credential_files(stack)
    credentials = {service: others[credential_handler_name(stack, stack.service(service))] for service in files}
    reloads = {s.name: others[reload_handler_name(stack, s)].command for s in _reloading(stack)}
    words = places(stack) | {
        "TIMEOUT": str(stack.settings.up_timeout),
        "DIGEST": release.digest,
        "HANDLERS": " ".join(others),
        "CREDENTIALS": " ".join(files),
        "RELOADS": " ".join(reloads),
        "SNAPSHOT_STOP": " ".join(snapshot.stop),
        "SNAPSHOT_DATA": " ".join(f"{name}:{path}" for name, path in snapshot.data),
    }
    functions = (
        _function("credential_file", {name: f"echo {shlex.quote(path)}" for name, path in files.items()}),
        _function("prove", {name: handler.probe for name, handler in credentials.items()}),
        _function("change", {name: handler.command for name, handler in credentials.items()}),
        _function("reload", reloads),
    )
    return "".join(
        (variables(words), *functions, shell("operations/stack_return.sh"), shell("operations/stack_snapshot.sh"))
    )


def otherwise(stack: Stack, desired: Desired) -> Otherwise:
    """What follows when a handler fails: the stack goes back, and the script ends."""
    functions = return_functions(stack, desired)
    return Otherwise(lambda handler: f"{functions}handler_failed {shlex.quote(handler)}\n", seconds(stack))


def seconds(stack: Stack) -> int:
    """How long a return may take: each credential's service, and then all of them, may have to become healthy."""
    return stack.settings.up_timeout * 2 + 300
