"""The edge fleet: build and publish on the hub, fetch on the node, switch under guard, watch the wave."""

import time
from collections.abc import Generator, Mapping
from pathlib import Path

from pyinfra import host, inventory
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.clients.push_bridge import status
from estate.edge.health import Sample, error_fault, sample, telemetry_faults
from estate.edge.keys import Keys
from estate.facts.host_state import StateQuery, recall
from estate.inventory import Estate, current
from estate.models.desired import STATE_DIR, Desired
from estate.models.faults import EstateFaults, Fault
from estate.models.host import EdgeHost
from estate.operations.announce import announce
from estate.operations.command import controller, script
from estate.operations.guarded import Gate, guarded
from estate.plan import system as plan
from estate.plan.change import Change
from estate.remote import run_as_root, send_file
from estate.render.edge import (
    DEPOT,
    GENERATION,
    MONITORS,
    Wanted,
    built_on,
    fetch_words,
    rollback_script,
    wanted_of,
)
from estate.render.shell import shell, variables
from estate.render.templates import ROOT
from estate.rollout import build
from estate.rollout.artifact import check_artifact
from estate.run.current import RETURNED

FETCH_TIMEOUT = 900
SWITCH_TIMEOUT = 300


def _hub(estate: Estate, mine: EdgeHost) -> str:
    return mine.mesh.hub.name


_before: dict[str, Sample] = {}
"""Each node's requests and errors before it was switched."""


def _note_errors(mine: EdgeHost) -> None:
    try:
        _before[mine.name] = sample(status(mine.mesh), mine.name)
    except EstateFaults:
        if not mine.is_hub:
            raise


def publish(estate: Estate, mine: EdgeHost, desired: Desired, wanted: Wanted) -> None:
    """Have the node's generation in the hub's depot, built where it is declared, and the release beside it.

    Raises EstateFaults.
    """
    name, where = _hub(estate, mine), built_on(mine)
    ship_release(estate, mine)
    if where == "node":
        return
    known = run_as_root(name, estate.ssh[name], f"test -s {DEPOT}/systems/{wanted.configuration}")
    if known.code != 0:
        make = build.on_controller if where == "controller" else build.on_hub
        make(estate, mine, build.configuration(desired), wanted)


def ship_release(estate: Estate, mine: EdgeHost) -> None:
    """Bring the artifact to the hub's depot, once, whole or not at all. Raises EstateFaults."""
    release, name = mine.mesh.release, _hub(estate, mine)
    target = f"{DEPOT}/artifacts/{release.sha256}"
    check = f"echo '{release.sha256}  {target}' | sha256sum -c --quiet - 2>/dev/null"
    if run_as_root(name, estate.ssh[name], check).code == 0:
        return
    send_file(name, estate.ssh[name], artifact(mine), target, release.sha256)


def artifact(mine: EdgeHost) -> Path:
    """The release on the controller, its sha256 and signature checked. Raises EstateFaults."""
    path = ROOT / mine.mesh.release.path
    check_artifact(path, mine.mesh.release)
    return path


@operation()
def fetch(desired: Desired, query: StateQuery, mine: EdgeHost, keys: Keys) -> Generator[StringCommand, None, None]:
    """Bring generation and release to the node; nothing that runs is changed."""
    if GENERATION not in plan.due(desired, recall(host, query)):
        host.noop("the generation is the declared one")
        return
    estate, wanted = current(inventory), wanted_of(mine, keys)
    yield controller("note its errors before", lambda: _note_errors(mine))
    place = {"hub": _hub(estate, mine), "controller": "the controller", "node": mine.name}[built_on(mine)]
    yield controller(f"build on {place}", lambda: publish(estate, mine, desired, wanted))
    words = variables(fetch_words(mine.mesh, mine, keys, wanted))
    # A node that builds for itself, the hub above all, needs its files before
    stdin = build.pack(build.configuration(desired))
    head = f"{words}work=/var/lib/estate/edge/build; CONFIG=$work\nmkdir -p $work && base64 -d | tar -xzf - -C $work\n"
    yield script(f"{head}{shell('operations/edge_fetch.sh')}", timeout=FETCH_TIMEOUT, stdin=stdin)


def gate(estate: Estate, mine: EdgeHost, keys: Keys, since: float) -> None:
    """Whether a switched node is well: raises EstateFaults with everything that is not.

    + since: when it was switched, by the hub's clock, in seconds since 1970
    """
    wanted = wanted_of(mine, keys)
    words = {
        "DIGEST": wanted.configuration,
        "RELEASE_ID": wanted.release_id,
        "NAME": mine.mesh.public_name(mine.node),
        "STEADY": str(mine.mesh.rollout.steady),
    }
    text = f"{variables(words)}{shell('operations/edge_gate.sh')}"
    outcome = run_as_root(mine.name, estate.ssh[mine.name], text, timeout=30, wait=5)
    said = [line for line in outcome.stdout.splitlines() if line]
    if outcome.code != 0:
        said.append(outcome.stderr.strip() or f"exit code {outcome.code}")
    said += telemetry_faults(status(mine.mesh), mine.name, since, mine.mesh.telemetry)
    if said:
        raise EstateFaults([Fault(f"{mine.name}/health", text, "see its journal") for text in said])


@operation()
def switch(desired: Desired, query: StateQuery, mine: EdgeHost, keys: Keys) -> Generator[StringCommand, None, None]:
    """Make generation and release the running ones; the node goes back by itself unless it is well in time."""
    reasons = plan.due(desired, recall(host, query))
    if GENERATION not in reasons:
        host.noop("the generation is the declared one")
        return
    announce(host, desired.task, [Change("handler", GENERATION, "apply", (reasons[GENERATION],))])
    estate, rollout = current(inventory), mine.mesh.rollout
    began: list[float] = []

    def well() -> None:
        if not began:
            # By now it has been switched: what it pushed before is of the release before
            began.append(_hub_time(mine))
        gate(estate, mine, keys, began[0])

    handler = next(handler for handler in desired.handlers if handler.name == GENERATION)
    yield from guarded(handler, Gate(well, rollout.health_timeout, rollout.revert_after, SWITCH_TIMEOUT))


def _hub_time(mine: EdgeHost) -> float:
    try:
        return float(status(mine.mesh)["now"])
    except EstateFaults:
        if not mine.is_hub:
            raise
        # The hub's own first switch is what starts the bridge
        return 0.0


@operation()
def soak(
    desired: Desired, query: StateQuery, mine: EdgeHost, keys: Keys, own: bool
) -> Generator[StringCommand, None, None]:
    """Watch a switched node for a while; when its errors rise, it goes back.

    + own: False: it is another batch's turn, for which this node only waits
    """
    if not own or GENERATION not in plan.due(desired, recall(host, query)) or mine.mesh.rollout.soak == 0:
        host.noop("nothing to watch")
        return
    estate = current(inventory)
    yield controller(f"watch {mine.name} for {mine.mesh.rollout.soak} s", lambda: _watch(estate, mine, keys))


def _watch(estate: Estate, mine: EdgeHost, keys: Keys) -> None:
    before = _before.get(mine.name, Sample())
    end = time.monotonic() + mine.mesh.rollout.soak
    while time.monotonic() < end:
        time.sleep(min(5, mine.mesh.telemetry.interval))
        found = status(mine.mesh)
        said = error_fault(before, sample(found, mine.name), mine.mesh.rollout, mine.mesh.telemetry)
        if said:
            raise EstateFaults([Fault(f"{mine.name}/errors", said, "see its journal"), *go_back(estate, mine)])
    try:
        gate(estate, mine, keys, 0)
    except EstateFaults as error:
        raise EstateFaults([*error.faults, *go_back(estate, mine)]) from None


def go_back(estate: Estate, mine: EdgeHost) -> list[Fault]:
    """Have the node run what it ran before; says how that went."""
    outcome = run_as_root(
        mine.name, estate.ssh[mine.name], rollback_script(mine.mesh.public_name(mine.node)), timeout=SWITCH_TIMEOUT
    )
    if outcome.code == 0:
        return [Fault(RETURNED, f"{mine.name}/{GENERATION}", "it runs what it ran before")]
    said = outcome.stderr.strip()[-500:] or f"exit code {outcome.code}"
    return [Fault(f"{mine.name}/rollback", said, f"`estate edge rollback {mine.name}`, or its console")]


@operation()
def monitors(
    desired: Desired, query: StateQuery, mine: EdgeHost, values: Mapping[str, str]
) -> Generator[StringCommand, None, None]:
    """Make Uptime Kuma have the monitors that follow from the list of nodes.

    + values: the estate's secrets
    """
    reasons = plan.due(desired, recall(host, query))
    if MONITORS not in reasons:
        host.noop("the monitors are the declared ones")
        return
    announce(host, desired.task, [Change("handler", MONITORS, "apply", (reasons[MONITORS],))])
    handler = next(handler for handler in desired.handlers if handler.name == MONITORS)

    def tell() -> None:
        # Here, as socket.io takes a tenth of a second to import and is needed once in a while
        from estate.rollout.monitors import provision

        provision(mine.mesh, values)

    yield controller("tell Uptime Kuma", tell)
    stamp = f"mkdir -p {STATE_DIR}/applied && printf '%s\\n' {handler.digest} >{handler.stamp}"
    yield script(stamp, timeout=30)
