"""`estate lab`: the local lab, up and down."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(name="lab", help="A whole estate in containers on this machine.", no_args_is_help=True)


class ProfileName(StrEnum):
    """Which hosts the lab has."""

    DEFAULT = "default"
    HOMELAB = "homelab"
    FULL = "full"


@contextmanager
def _readable() -> Iterator[None]:
    from lab.errors import LabError

    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        yield
    except LabError as fault:
        stderr.print("✗ " + fault.fault, style="red", markup=False)
        if fault.remedy:
            stderr.print("  remedy: " + fault.remedy, markup=False)
        raise typer.Exit(1) from fault
    except KeyboardInterrupt as fault:
        stderr.print("interrupted; run the same command again to go on from here")
        raise typer.Exit(130) from fault


@app.command("up")
def up_command(
    profile: Annotated[
        ProfileName, typer.Option(help="default: 7 hosts; homelab: those and the homelab, 14; full: all 27.")
    ] = ProfileName.DEFAULT,
) -> None:
    """Bring the lab up; safe to run again at any point."""
    from lab.lock import locked
    from lab.paths import lab_paths
    from lab.progress import Progress
    from lab.up import up

    paths = lab_paths()
    with _readable(), locked(paths):
        up(paths, profile.value, Progress())


@app.command("prepare")
def prepare_command() -> None:
    """Build the images that the lab is made of, without any host; `up` does it too."""
    from lab.lock import locked
    from lab.paths import lab_paths
    from lab.progress import Progress
    from lab.up import prepare

    paths = lab_paths()
    with _readable(), locked(paths):
        prepare(paths, Progress())


@app.command("status")
def status_command() -> None:
    """Show the lab's hosts; status 1 unless all of them run."""
    from lab.docker import find_docker
    from lab.errors import LabError
    from lab.status import look

    with _readable():
        docker = find_docker()
        if docker is None:
            raise LabError("no Docker engine answers", "run `estate lab up`")
        states = look(docker)
        if not states:
            raise LabError("the lab has no hosts", "run `estate lab up`")
        table = Table("host", "group", "address", "container", "systemd", "engine")
        for one in states:
            host = one.host
            table.add_row(host.name, host.group, host.address, one.container, one.systemd, one.engine)
        Console().print(table)
        if not all(one.healthy for one in states):
            raise typer.Exit(1)


@app.command("ssh", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh_command(
    name: Annotated[str, typer.Argument(help="The host's name, as `estate lab status` shows it.")],
    command: Annotated[list[str] | None, typer.Argument(help="A command to run there.")] = None,
) -> None:
    """Log in to a lab host, or run a command there."""
    from lab.errors import LabError
    from lab.hosts import by_name
    from lab.paths import lab_paths

    with _readable():
        config = lab_paths().ssh_config
        if by_name(name) is None:
            raise LabError(f"the lab knows no host {name!r}", "`estate lab status` lists them")
        if not config.exists():
            raise LabError("the lab is not up", "run `estate lab up`")
    os.execvp("ssh", ["ssh", "-F", str(config), name, *(command or [])])  # noqa: S606 - ssh takes over


@app.command("down")
def down_command(
    keep_images: Annotated[
        bool,
        typer.Option("--keep-images", help="Keep the built images, the registry's storage and the engine."),
    ] = False,
) -> None:
    """Remove the lab: containers, volumes, network, images, keys; end the engine if the lab started it."""
    from lab.down import down
    from lab.lock import locked
    from lab.paths import lab_paths
    from lab.progress import Progress

    paths = lab_paths()
    with _readable(), locked(paths):
        down(paths, Progress(), keep_images)


@app.command("fleet")
def fleet_command() -> None:
    """Make nodes of the fleet's machines and bring this machine into their mesh; safe to run again."""
    from lab import fleet
    from lab.paths import lab_paths

    with _readable():
        fleet.found(lab_paths())


@app.command("latency")
def latency_command(
    words: Annotated[str, typer.Argument(help="cities; or milliseconds of a round trip, 0 for none.")],
) -> None:
    """Put the fleet's spokes at a distance from their hub, at once; deploys and tests are as slow as that then."""
    from lab.errors import LabError
    from lab.paths import lab_paths
    from lab.services import set_latency

    with _readable():
        try:
            found = set_latency(lab_paths(), words)
        except ValueError:
            raise LabError(f"{words!r} is no latency", "write cities, or a number of milliseconds to 5000") from None
    there = sorted(found.items(), key=lambda item: item[1])
    typer.echo(", ".join(f"{name} {milliseconds:g} ms" for name, milliseconds in there))


@app.command("summary")
def summary_command() -> None:
    """Show every service of the deployed lab; status 1 unless all are healthy."""
    from estate.inventory import load
    from lab.paths import REPO, lab_paths
    from lab.summary import hints, services_table

    estate = load(REPO / "inventories" / "lab.py")
    table, healthy = services_table(estate, lab_paths())
    # A log has no width of its own; the table's columns need this much
    console = Console(highlight=False) if Console().is_terminal else Console(highlight=False, width=150)
    console.print(table)
    for line in hints(estate, lab_paths()):
        console.print(line, markup=False, soft_wrap=True)
    if not healthy:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
