"""Which units a switch stops, starts, restarts and reloads, and what systemd says of them.

What counts is not the generation before but which text each unit was last started with, in a file
under /run that is written around every step: a switch that was interrupted is finished by the next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .shell import read_json, run, write_json

APPLIED = Path("/run/nixos/units.json")
_RUNNING = frozenset({"active", "activating", "reloading"})


@dataclass
class Plan:
    """What is to be done to which units.

    `skip`: changed, and left as they are (restartIfChanged = false); `idle`: changed, and neither run nor are wanted.
    """

    stop: list[str] = field(default_factory=list)
    reload: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """A unit's ActiveState and SubState."""

    active: str = "inactive"
    sub: str = "dead"

    @property
    def running(self) -> bool:
        """Whether it runs or is about to."""
        return self.active in _RUNNING

    @property
    def failed(self) -> bool:
        """Whether it failed, or fails again and again."""
        return self.active == "failed" or self.sub == "auto-restart"


def states(units: Iterable[str]) -> dict[str, State]:
    """What systemd says of these units; one it does not know is inactive."""
    names = sorted(units)
    if not names:
        return {}
    shown = run("systemctl", "show", "--property=ActiveState,SubState", "--", *names, check=False).stdout
    found = [dict(line.split("=", 1) for line in block.splitlines()) for block in shown.strip().split("\n\n")]
    return {
        name: State(block.get("ActiveState", "inactive"), block.get("SubState", "dead"))
        for name, block in zip(names, found, strict=False)
    }


def plan(applied: Mapping[str, str], new: Mapping[str, Mapping[str, Any]], now: Mapping[str, State]) -> Plan:
    """What to do, given what was last applied, the units of the new generation, and the states."""
    todo = Plan(stop=sorted(name for name in applied if name not in new and now.get(name, State()).running))
    for name, unit in sorted(new.items()):
        running = now.get(name, State()).running
        if applied.get(name) == unit["digest"]:
            if unit["wanted"] and now.get(name, State()).failed:
                todo.start.append(name)
        elif not running:
            (todo.start if unit["wanted"] else todo.idle).append(name)
        elif not unit["restart"]:
            todo.skip.append(name)
        elif unit["reload"]:
            todo.reload.append(name)
        elif unit["stop"] and name in applied:
            todo.stop.append(name)
            todo.start.append(name)
        else:
            todo.restart.append(name)
    return todo


class Applied:
    """The file of what each unit was last started with; `path` is missing right after a boot."""

    def __init__(self, path: Path = APPLIED) -> None:
        self.path = path
        self.digests: dict[str, str] = read_json(path, {})

    def reset(self, new: Mapping[str, Mapping[str, Any]]) -> None:
        """All units of the generation that is booted will be started from it."""
        self.digests = {name: unit["digest"] for name, unit in new.items()}
        write_json(self.path, self.digests)

    def doubt(self, names: Iterable[str]) -> None:
        """These are about to be touched: until `done`, nobody knows what they run with."""
        self.digests |= dict.fromkeys(names, "?")
        write_json(self.path, self.digests)

    def forget(self, names: Iterable[str]) -> None:
        """These are stopped and gone."""
        for name in names:
            self.digests.pop(name, None)
        write_json(self.path, self.digests)

    def done(self, names: Iterable[str], new: Mapping[str, Mapping[str, Any]]) -> None:
        """These run with the text that the new generation has."""
        self.digests |= {name: new[name]["digest"] for name in names if name in new}
        write_json(self.path, self.digests)
