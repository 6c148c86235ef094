"""Saved plans: `estate plan --out` writes what a deploy would do and on what ground; `estate apply` does exactly that.

A plan holds digests of everything that was wanted and of everything that was there. When any of it has moved on since,
the plan is refused and the difference named.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from estate.models.base import Frozen
from estate.models.desired import STATE_DIR, Desired
from estate.models.faults import EstateFaults, Fault
from estate.plan.state import HostState
from estate.secrets.sealed import write_private

Items = dict[str, str]
"""A digest by what it is of: "file /etc/nftables.conf", "unit ssh.service"."""


class TaskPlan(Frozen):
    """What one task of one host wanted and found."""

    wanted: Items
    there: Items


class Plan(Frozen):
    """A plan as its file has it."""

    version: int = 1
    run: str
    inventory: str
    limit: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    secrets: str = ""
    commit: str
    hosts: dict[str, dict[str, TaskPlan]]
    changes: tuple[dict[str, Any], ...] = Field(default=())


def _digest(value: object) -> str:
    return sha256(repr(value).encode()).hexdigest()[:24]


def wanted_items(desired: Desired) -> Items:
    """Everything that a task wants, each with its digest."""
    found = {f"package {name}": "installed" for name in desired.packages}
    found |= {f"user {account.name}": _digest(account) for account in desired.accounts}
    found |= {f"unit {unit.name}": str(unit.running) for unit in desired.units}
    found |= {f"sysctl {key}": value for key, value in desired.sysctl}
    found |= {f"handler {handler.name}": _digest(handler) for handler in desired.handlers}
    return found | {f"path {node.path}": _digest(node) for node in desired.tree}


def there_items(state: HostState) -> Items:
    """Everything that was there, without what comes and goes by itself (health, a unit that is just starting)."""
    found = {f"package {name}": "installed" for name in state.packages}
    found |= {f"user {name}": _digest((a.uid, a.gid, a.shell, sorted(a.groups))) for name, a in state.accounts.items()}
    found |= {f"unit {name}": unit.enabled for name, unit in state.units.items()}
    found |= {f"sysctl {key}": value for key, value in state.sysctl.items()}
    found |= {f"handler {name}": _digest(digest) for name, digest in state.stamps.items()}
    found |= {
        f"path {path}": _digest((p.type, p.mode, p.owner, p.group, p.digest))
        for path, p in state.paths.items()
        if not path.startswith(STATE_DIR)
    }
    return found | {
        f"container {c.name}": _digest((c.image, c.status, sorted(c.inputs.items()))) for c in state.containers.values()
    }


def _moved(before: Items, now: Items) -> list[str]:
    return sorted(item for item in before.keys() | now.keys() if before.get(item) != now.get(item))


def _key(change: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(change[name]) for name in ("host", "task", "kind", "name", "action"))


def differences(plan: Plan, now: Plan) -> list[Fault]:
    """What has moved on since the plan was made; none: it may be applied."""
    remedy = "make the plan again, read it, apply that"
    faults = []
    for host in sorted(plan.hosts.keys() | now.hosts.keys()):
        before, after = plan.hosts.get(host, {}), now.hosts.get(host, {})
        for task in sorted(before.keys() | after.keys()):
            empty = TaskPlan(wanted={}, there={})
            old, new = before.get(task, empty), after.get(task, empty)
            declared = f"is declared otherwise now (commit {plan.commit}, now {now.commit})"
            faults += [Fault(f"{host}/{task}/{item}", declared, remedy) for item in _moved(old.wanted, new.wanted)]
            faults += [
                Fault(f"{host}/{task}/{item}", "was changed on the host since the plan", remedy)
                for item in _moved(old.there, new.there)
            ]
    planned, pending = {_key(c) for c in plan.changes}, {_key(c) for c in now.changes}
    if not faults:
        for host, task, kind, name, action in sorted(planned ^ pending):
            text = "is no longer pending" if (host, task, kind, name, action) in planned else "was not in the plan"
            faults.append(Fault(f"{host}/{task}", f"{action} {kind} {name} {text}", remedy))
    return faults


def task_plans(
    jobs: Mapping[str, Mapping[str, Desired]], states: Mapping[str, Mapping[str, HostState]]
) -> dict[str, dict[str, TaskPlan]]:
    """Wanted and there, by host and task."""
    return {
        name: {
            task: TaskPlan(wanted=wanted_items(desired), there=there_items(states.get(name, {}).get(task, HostState())))
            for task, desired in tasks.items()
        }
        for name, tasks in jobs.items()
    }


def write(plan: Plan, path: Path) -> None:
    """Write it, for its owner alone."""
    write_private(path.resolve(), (json.dumps(plan.model_dump(), indent=1) + "\n").encode())


def read(path: Path) -> Plan:
    """Read one. Raises EstateFaults for a file that is not a plan."""
    remedy = "`estate plan INVENTORY --out FILE` writes one"
    try:
        return Plan.model_validate_json(path.read_text())
    except FileNotFoundError:
        raise EstateFaults([Fault(str(path), "no such file", remedy)]) from None
    except (ValidationError, UnicodeDecodeError, OSError):
        raise EstateFaults([Fault(str(path), "is not a plan", remedy)]) from None


def pending(changes: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Changes as a plan keeps them, in a fixed order."""
    return tuple(sorted((dict(change) for change in changes), key=_key))
