"""Releases: the handler that keeps what a stack was deployed from, when all of it runs."""

import shlex
from collections.abc import Iterable

from estate.models.desired import STATE_DIR, Handler, Tree
from estate.models.service import Service
from estate.models.stack import Stack
from estate.render.shell import shell, variables

KEEP = 5
"""Releases that a host keeps."""


def release_name(stack: Stack) -> str:
    """The name of the handler that makes a release, and of its stamp."""
    return f"{stack.settings.project}-release"


def data_path(stack: Stack, name: str) -> str:
    """Where a data directory lies on the host."""
    return f"{stack.data_dir}/{name}"


def places(stack: Stack) -> dict[str, str]:
    """Where a stack and what is kept of it lie: variables that all scripts about releases read."""
    return {
        "STATE": STATE_DIR,
        "PROJECT": stack.settings.project,
        "COMPOSE_DIR": stack.compose_dir,
        "SECRETS_DIR": stack.secrets_dir,
        "RELEASE": release_name(stack),
    }


def release_handler(stack: Stack, tree: Tree, handlers: Iterable[Handler]) -> Handler:
    """Keeps a copy of the tree once everything in it is the running configuration.

    It is the last handler, so that neither a container nor a reload that failed leaves a release.

    + tree: all files and directories of the task
    + handlers: the other handlers, whose stamps belong to the release
    """
    data = sorted({data_path(stack, item.path) for service in stack.containers for item in service.data})
    head = places(stack) | {
        "HANDLERS": " ".join(handler.name for handler in handlers),
        # stat wants at least one
        "DATA_DIRS": " ".join(data or [stack.data_dir]),
        "KEEP": str(KEEP),
    }
    return Handler(
        name=release_name(stack),
        command=f"{variables(head)}{shell('operations/stack_release.sh')}",
        digest=tree.digest,
        probe=f"ls -d {STATE_DIR}/releases/{shlex.quote(stack.settings.project)}/*Z",
    )


def migrating_data(stack: Stack, service: Service) -> dict[str, tuple[str, ...]]:
    """By service: the data directories that another version of the service rewrites; empty when it rewrites none."""
    if service.migration is None:
        return {}
    owners = service.migration.data_of or (service.name,)
    return {name: tuple(data_path(stack, d.path) for d in stack.service(name).data) for name in owners}
