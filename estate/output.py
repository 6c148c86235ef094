"""`estate render`: every file of every host below one directory, the same bytes for the same declarations."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from estate.edge.secrets import specs
from estate.inventory import Estate
from estate.models.desired import Desired, File
from estate.models.faults import EstateFaults, Fault
from estate.models.host import EdgeHost, Host
from estate.models.stack import Stack
from estate.render.host import tasks_of
from estate.secrets.placeholders import ACCESS, placeholders, values_for

_MARK = ".estate-render"


def _tasks(estate: Estate, host: Host, stack: Stack | None) -> dict[str, Desired]:
    values = placeholders(stack, host)
    if isinstance(host, EdgeHost):
        values = values_for(specs(host.mesh))
    return tasks_of(host, stack, values, ACCESS, estate.keys)


def rendered_tasks(estate: Estate, hosts: Mapping[str, Host]) -> dict[str, dict[str, Desired]]:
    """Every task of every host, with placeholder secrets."""
    return {name: _tasks(estate, host, estate.stacks.get(name)) for name, host in hosts.items()}


def manifest(tasks: Mapping[str, Desired]) -> str:
    """What the files alone do not say: owners and modes, packages, accounts, units, kernel settings."""
    document = {
        name: {
            "packages": task.packages,
            "accounts": [account.name for account in task.accounts],
            "paths": {n.path: f"{n.mode:04o} {n.owner}:{n.group}" for n in task.tree},
            "units": {unit.name: unit.running for unit in task.units},
            "sysctl": dict(task.sysctl),
            "handlers": {handler.name: handler.command for handler in task.handlers},
        }
        for name, task in tasks.items()
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def write(estate: Estate, hosts: Mapping[str, Host], to: Path) -> int:
    """Write HOST/root/… and HOST/manifest.json for every host; returns the number of files.

    Raises EstateFaults when `to` holds something that an earlier render did not write.
    """
    if to.exists() and any(to.iterdir()) and not (to / _MARK).exists():
        raise EstateFaults([Fault(str(to), "is not empty and not of an earlier render", "choose another directory")])
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    (to / _MARK).touch()
    count = 0
    for name, tasks in rendered_tasks(estate, hosts).items():
        files: list[File] = [file for task in tasks.values() for file in task.tree.files]
        for file in files:
            path = to / name / "root" / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        (to / name).mkdir(parents=True, exist_ok=True)
        (to / name / "manifest.json").write_text(manifest(tasks))
        count += len(files)
    return count
