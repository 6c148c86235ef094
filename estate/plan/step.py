"""A step: a change that is one or a few commands on a Proxmox node."""

from dataclasses import dataclass

from estate.plan.change import Change

Words = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """What the reader sees, and the command lines that do it, in their order."""

    change: Change
    commands: tuple[Words, ...] = ()
