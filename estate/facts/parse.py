"""The output of host_state.sh as a HostState (pure)."""

import json
from collections.abc import Iterable

from estate.plan.state import AccountState, ContainerState, HostState, PathState, UnitState


def _account(fields: list[str]) -> tuple[str, AccountState]:
    name, _, uid, gid, _, _, shell = fields[0].split(":")
    return name, AccountState(int(uid), int(gid), shell, frozenset(fields[1].split()))


def _path(fields: list[str]) -> tuple[str, PathState]:
    name, kind, mode, user, uid, group, gid = fields
    kind = "regular file" if kind == "regular empty file" else kind
    return name, PathState(kind, int(mode, 8), (user, uid), (group, gid))


def _unit(fields: list[str]) -> tuple[str, UnitState]:
    values = dict(field.split("=", 1) for field in fields[1:] if "=" in field)
    active = values.get("ActiveState", "inactive")
    checked = values.get("ConditionTimestampMonotonic", "0") != "0"
    if active == "inactive" and checked and values.get("ConditionResult") == "no":
        active = "unmet"
    return fields[0], UnitState(values.get("UnitFileState") or "absent", active)


def _container(fields: list[str]) -> tuple[str, ContainerState]:
    data = json.loads(fields[0])
    try:
        inputs = json.loads(data["inputs"] or "{}")
    except json.JSONDecodeError:
        inputs = {}
    name = data["name"].lstrip("/")
    service = data["service"] or name
    return service, ContainerState(service, name, data["image"], data["status"], data["health"], inputs)


def parse(lines: Iterable[str]) -> HostState:
    """Everything that the script printed. Raises ValueError for a line that it cannot have printed."""
    packages: set[str] = set()
    accounts: dict[str, AccountState] = {}
    paths: dict[str, PathState] = {}
    digests: dict[str, str] = {}
    units: dict[str, UnitState] = {}
    sysctl: dict[str, str] = {}
    stamps: dict[str, str] = {}
    manifest: dict[str, str] = {}
    containers: dict[str, ContainerState] = {}
    for line in lines:
        kind, *fields = line.rstrip("\t\n").split("\t")
        match kind:
            case "P":
                if fields[1].startswith("ii"):
                    packages.add(fields[0])
            case "U":
                accounts.update([_account(fields)])
            case "M":
                manifest[fields[0]] = fields[1] if len(fields) > 1 else ""
            case "F":
                paths.update([_path(fields)])
            case "X":
                digests[fields[1]] = fields[0]
            case "S":
                units.update([_unit(fields)])
            case "K":
                sysctl[fields[0]] = fields[1] if len(fields) > 1 else ""
            case "H":
                stamps[fields[0]] = fields[1] if len(fields) > 1 else ""
            case "L":
                stamps.pop(fields[0], None)
            case "C":
                containers.update([_container(fields)])
            case _:
                raise ValueError(f"unexpected line: {line!r}")
    for path, digest in digests.items():
        there = paths[path]
        paths[path] = PathState(there.type, there.mode, there.owner, there.group, digest)
    return HostState(frozenset(packages), accounts, paths, units, sysctl, stamps, manifest, containers)
