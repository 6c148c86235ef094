"""Containers: the compose project against what runs, with the inputs that changed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from estate.models.stack import Stack
from estate.plan.change import Change
from estate.plan.files import FilePlan
from estate.plan.state import ContainerState, HostState
from estate.render.compose import INPUTS_LABEL, secrets_in
from estate.render.release import migrating_data
from estate.render.stack import credential_handler_name

NEXT = "-next"
"""What the name of a rolling service's second container ends with."""


def wanted_inputs(compose: str) -> dict[str, dict[str, str]]:
    """From a rendered compose file: what each container is to be made from, by service."""
    services = yaml.safe_load(compose)["services"]
    return {name: json.loads(service["labels"][INPUTS_LABEL].replace("$$", "$")) for name, service in services.items()}


def changed_inputs(wanted: Mapping[str, str], there: Mapping[str, str]) -> tuple[str, ...]:
    """Which inputs differ, in words."""
    why = []
    for name in sorted(wanted.keys() | there.keys()):
        if name not in there:
            why.append(f"new: {name}")
        elif name not in wanted:
            why.append(f"gone: {name}")
        elif wanted[name] != there[name]:
            why.append(name)
    return tuple(why)


def drifted_files(stack: Stack, plan: FilePlan, state: HostState) -> dict[str, str]:
    """By service: a file that is about to be written and that the service reads only when it starts.

    Of `.env`, whose values its label covers, this holds only when somebody else wrote it: the service may have been
    started with that, and its label would still say what the last deploy started it with.
    """
    found: dict[str, str] = {}
    env = f"{stack.compose_dir}/.env"
    env_was_edited = state.edited(env) and any(file.path == env for file in plan.write)
    for service in stack.containers:
        if env_was_edited and secrets_in(service):
            found[service.name] = env
        roots = [f"{stack.secrets_dir}/{service.name}/"]
        if service.config and not service.config.reload:
            roots.append(f"{stack.compose_dir}/{service.name}/")
        paths = [file.path for file in plan.write if file.path.startswith(tuple(roots))]
        if paths:
            found[service.name] = paths[0]
    return found


def live_credentials(stack: Stack, there: Mapping[str, ContainerState]) -> frozenset[str]:
    """Names of the handlers that change a credential of a service which runs already.

    They go before its consumers are recreated with the new value; those of a service that has yet to
    start go afterwards.
    """
    running = {name for name, state in there.items() if state.status == "running"}
    return frozenset(
        credential_handler_name(stack, service)
        for service, credential in stack.credentials()
        if credential.change and service.name in running
    )


def containers(
    stack: Stack,
    wanted: Mapping[str, Mapping[str, str]],
    there: Mapping[str, ContainerState],
    drifted: Mapping[str, str],
) -> list[Change]:
    """Containers to create, recreate, start or remove. One that is still starting is left to its health check.

    + drifted: by service, a file that it reads only at start and that was not as declared on the host
    """
    changes: list[Change] = []
    for service in stack.containers:
        state = there.get(service.name)
        if state is None:
            changes.append(Change("container", service.name, "create", (str(service.image),)))
        elif why := changed_inputs(wanted[service.name], state.inputs):
            image = (f"{state.image} to {service.image}",) if state.image != str(service.image) else ()
            changes.append(Change("container", service.name, "recreate", (*why, *image)))
        elif service.name in drifted:
            why = (f"{drifted[service.name]} was changed on the host",)
            changes.append(Change("container", service.name, "recreate", why))
        elif state.status != "running":
            changes.append(Change("container", service.name, "start", (f"is {state.status}",)))
        elif state.health == "unhealthy":
            changes.append(Change("container", service.name, "recreate", ("is unhealthy",)))
    for name in sorted(there.keys() - {service.name for service in stack.containers}):
        kept = f"no longer declared; its data stay below {stack.data_dir}"
        if name.removesuffix(NEXT) in stack:
            kept = "left by a deploy that was cut off"
        changes.append(Change("container", name, "delete", (kept,)))
    return changes


@dataclass(frozen=True)
class Snapshot:
    """What has to be copied before the containers are brought up: containers to stop, directories by service."""

    stop: tuple[str, ...] = ()
    data: tuple[tuple[str, str], ...] = ()


def rolling(stack: Stack, changes: Iterable[Change], there: Mapping[str, ContainerState]) -> tuple[str, ...]:
    """Services to recreate while a second container serves: those that are declared so and run now."""
    return tuple(
        change.name
        for change in changes
        if change.action == "recreate" and stack.service(change.name).rolling and there[change.name].status == "running"
    )


def snapshot(stack: Stack, changes: Iterable[Change], there: Mapping[str, ContainerState]) -> Snapshot:
    """The data that containers of other images than before will rewrite."""
    stop: dict[str, None] = {}
    data: dict[tuple[str, str], None] = {}
    for change in changes:
        if change.action != "recreate":
            continue
        service = stack.service(change.name)
        if there[change.name].image == str(service.image):
            continue
        rewritten = migrating_data(stack, service)
        users = (service.name, *rewritten) if rewritten else ()
        stop |= dict.fromkeys(there[name].name for name in users if name in there)
        data |= dict.fromkeys((name, path) for name, paths in rewritten.items() for path in paths)
    return Snapshot(tuple(stop), tuple(data))
