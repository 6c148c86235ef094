"""Edge fleet: generations and releases, wave by wave; a wave that fails ends the rollout."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pyinfra.api.deploy import deploy
from pyinfra.api.host import Host

from estate.edge.keys import Keys
from estate.edge.waves import steps
from estate.facts.host_state import StateQuery
from estate.models.desired import Desired
from estate.models.host import EdgeHost
from estate.operations import edge as operations
from estate.operations import files


@cache
def _step(title: str) -> Any:
    """The deploy of one batch: its name tells batches apart, so that none starts after one that failed."""

    @deploy(title)
    def step(desired: Desired, query: StateQuery, mine: EdgeHost, keys: Keys, own: bool) -> None:
        if own:
            operations.fetch(name="Fetch generation and release", desired=desired, query=query, mine=mine, keys=keys)
            files.sync(name="Sync configuration", desired=desired, query=query)
            operations.switch(name="Switch", desired=desired, query=query, mine=mine, keys=keys)
        operations.soak(name="Watch", desired=desired, query=query, mine=mine, keys=keys, own=own)

    return step


def edge_nodes(target: Host, active: Iterable[Host], desired: Desired, mine: EdgeHost, keys: Keys) -> None:
    """Switch this node in its turn: canary, early, the rest, the hub last.

    pyinfra orders operations by what each host calls, so a node calls the last one of the batch before its own
    as well (where it has nothing to do): that is what makes its batch wait.
    """
    query = StateQuery(desired)
    order = steps(mine.mesh, {host.name for host in active})
    mine_at = next(i for i, step in enumerate(order) if mine.name in step.names)
    for i, step in enumerate(target.loop(order)):
        if i in (mine_at - 1, mine_at):
            _step(step.title)(desired, query, mine, keys, own=i == mine_at)


@deploy("Edge monitors")
def edge_monitors(desired: Desired, mine: EdgeHost, values: Mapping[str, str]) -> None:
    """Tell the hub's Uptime Kuma what to watch, once every node is what it should be."""
    operations.monitors(name="Provision monitors", desired=desired, query=StateQuery(desired), mine=mine, values=values)
