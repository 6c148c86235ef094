"""The order in which a change goes through the fleet: one canary, a few, the rest, and the hub last."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from estate.models.edge import Mesh, Node, Wave

Waves = tuple[tuple[Wave, tuple[Node, ...]], ...]


def waves(mesh: Mesh) -> Waves:
    """The waves of a rollout in their order, each with its nodes in the order of the list; empty ones are left out.

    + canary: those that say so; without any, the first spoke that says nothing
    + early: those that say so; without any, the first `rollout.early` percent of the spokes that are left, rounded up
    + rest: every other spoke
    + hub: the hub, through which all others are reached
    """
    canary = _declared(mesh, "canary") or _undeclared(mesh)[:1]
    free = tuple(node for node in _undeclared(mesh) if node not in canary)
    early = _declared(mesh, "early")
    if not early:
        count = ceil(len([node for node in mesh.spokes if node not in canary]) * mesh.rollout.early / 100)
        early = free[:count]
    rest = tuple(node for node in mesh.spokes if node not in canary and node not in early)
    all_waves: Waves = (("canary", canary), ("early", early), ("rest", rest), ("hub", (mesh.hub,)))
    return tuple((name, nodes) for name, nodes in all_waves if nodes)


def wave_of(mesh: Mesh, node: Node) -> Wave:
    """The wave that the node is in."""
    return next(name for name, nodes in waves(mesh) if node in nodes)


def batches(nodes: Sequence[Node], at_once: int) -> Iterator[tuple[Node, ...]]:
    """The nodes of a wave in groups of at most `at_once`, which switch at the same time."""
    for start in range(0, len(nodes), at_once):
        yield tuple(nodes[start : start + at_once])


@dataclass(frozen=True)
class Step:
    """Nodes that are switched at the same time."""

    title: str
    names: tuple[str, ...]


def steps(mesh: Mesh, taking_part: Collection[str]) -> tuple[Step, ...]:
    """The batches of a rollout in their order, of those nodes that take part in it."""
    found: list[Step] = []
    for wave, nodes in waves(mesh):
        names = [node for node in nodes if node.name in taking_part]
        groups = list(batches(names, mesh.rollout.at_once))
        for number, group in enumerate(groups, start=1):
            title = f"Edge {wave}" + (f" {number} of {len(groups)}" if len(groups) > 1 else "")
            found.append(Step(title, tuple(node.name for node in group)))
    return tuple(found)


def _declared(mesh: Mesh, wave: Wave) -> tuple[Node, ...]:
    return tuple(node for node in mesh.spokes if node.wave == wave)


def _undeclared(mesh: Mesh) -> tuple[Node, ...]:
    return tuple(node for node in mesh.spokes if node.wave is None)
