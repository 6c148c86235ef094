"""The same estate as an Ansible playbook, from the same rendered trees (pure).

Written as one would by hand: a task a file, a package list, an account, a unit; handlers that files notify.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from estate.models.desired import Account, Desired, Directory, Handler, Unit
from estate.models.stack import Stack

T = TypeVar("T")
Task = dict[str, Any]
Tasks = Mapping[str, Mapping[str, Desired]]
"""Each host's rendered tasks, by name."""

CANNOT_RUN_IN_A_CONTAINER = frozenset({"systemd-timesyncd.service"})
"""Started in vain at each run, they would count as changes."""


@dataclass(frozen=True)
class FileArgs:
    """A file but for its content, which may be another one on every host."""

    path: str
    mode: int
    owner: str
    group: str


@dataclass(frozen=True)
class Playbook:
    """Plays, and the files that they copy, by path below the playbook."""

    plays: list[Task]
    files: Mapping[str, bytes]


def playbook(hosts: Tasks, stacks: Mapping[str, Stack]) -> Playbook:
    """A play for what every host has, and one for each host's own tasks; compose comes last."""
    every = [name for name in next(iter(hosts.values())) if all(name in tasks for tasks in hosts.values())]
    plays = [_play("Every host", "all", _select(hosts, every), hosts)]
    for host, tasks in hosts.items():
        own = [name for name in tasks if name not in every]
        if not own:
            continue
        play = _play(host, host, _select({host: tasks}, own), {host: tasks})
        if host in stacks:
            play["tasks"].append(_compose(stacks[host]))
        plays.append(play)
    files = {
        f"files/{host}{file.path}": file.content
        for host, tasks in hosts.items()
        for task in tasks.values()
        for file in task.tree.files
    }
    return Playbook(plays, files)


def _select(hosts: Tasks, names: Iterable[str]) -> dict[str, dict[str, Desired]]:
    """By task and host."""
    return {name: {host: tasks[name] for host, tasks in hosts.items() if name in tasks} for name in names}


def _play(name: str, pattern: str, chosen: Mapping[str, Mapping[str, Desired]], hosts: Tasks) -> Task:
    tasks = [task for by_host in chosen.values() for task in _tasks(by_host, len(hosts))]
    handlers: dict[str, Handler] = {}
    for by_host in chosen.values():
        for desired in by_host.values():
            handlers |= {handler.name: handler for handler in desired.handlers}
    return {
        "name": name,
        "hosts": pattern,
        "become": True,
        "gather_facts": False,
        "tasks": tasks,
        "handlers": [
            {"name": handler.name, "ansible.builtin.shell": {"cmd": handler.command}} for handler in handlers.values()
        ],
    }


def _tasks(by_host: Mapping[str, Desired], hosts: int) -> list[Task]:
    notify: dict[str, list[str]] = {}
    for desired in by_host.values():
        for handler in desired.handlers:
            for path in handler.paths:
                names = notify.setdefault(path, [])
                names += [] if handler.name in names else [handler.name]
    packages = _shared({host: [desired.packages] for host, desired in by_host.items() if desired.packages})
    accounts = _shared({host: desired.accounts for host, desired in by_host.items()})
    directories = _shared({host: desired.tree.directories for host, desired in by_host.items()})
    files = _shared(
        {
            host: [FileArgs(f.path, f.mode, f.owner, f.group) for f in desired.tree.files]
            for host, desired in by_host.items()
        }
    )
    units = _shared({host: desired.units for host, desired in by_host.items()})
    tasks = [(_packages(one), on) for one, on in packages]
    tasks += [(task, on) for one, on in accounts for task in _account(one)]
    tasks += [(_directory(one), on) for one, on in directories]
    tasks += [(_file(one, notify.get(one.path, [])), on) for one, on in files]
    tasks += [(_unit(one), on) for one, on in units]
    return [task if len(on) == hosts else {**task, "when": f"inventory_hostname in {on}"} for task, on in tasks]


def _shared(items: Mapping[str, Iterable[T]]) -> list[tuple[T, list[str]]]:
    """Each thing once, with the hosts that have it."""
    found: dict[T, list[str]] = {}
    for host, values in items.items():
        for value in values:
            found.setdefault(value, []).append(host)
    return list(found.items())


def _packages(names: tuple[str, ...]) -> Task:
    return {"name": f"Install {', '.join(names)}", "ansible.builtin.apt": {"name": list(names), "state": "present"}}


def _account(account: Account) -> list[Task]:
    user: Task = {"name": account.name, "shell": account.shell}
    tasks: list[Task] = []
    if account.gid is not None:
        tasks = [
            {
                "name": f"Create group {account.name}",
                "ansible.builtin.group": {"name": account.name, "gid": account.gid},
            }
        ]
        user["group"] = account.name
    if account.uid is not None:
        user["uid"] = account.uid
    if account.groups:
        user |= {"groups": list(account.groups), "append": True}
    return [*tasks, {"name": f"Create account {account.name}", "ansible.builtin.user": user}]


def _directory(directory: Directory) -> Task:
    arguments = {
        "path": directory.path,
        "state": "directory",
        "mode": f"{directory.mode:04o}",
        "owner": directory.owner,
        "group": directory.group,
    }
    return {"name": f"Create {directory.path}", "ansible.builtin.file": arguments}


def _file(file: FileArgs, notify: list[str]) -> Task:
    arguments = {
        "src": "files/{{ inventory_hostname }}" + file.path,
        "dest": file.path,
        "mode": f"{file.mode:04o}",
        "owner": file.owner,
        "group": file.group,
    }
    task: Task = {"name": f"Write {file.path}", "ansible.builtin.copy": arguments}
    return {**task, "notify": notify} if notify else task


def _unit(unit: Unit) -> Task:
    arguments: Task = {"name": unit.name, "enabled": unit.running}
    if unit.name not in CANNOT_RUN_IN_A_CONTAINER:
        arguments["state"] = "started" if unit.running else "stopped"
    return {"name": f"Manage {unit.name}", "ansible.builtin.systemd_service": arguments}


def _compose(stack: Stack) -> Task:
    argv = ["docker", "compose", "--project-name", stack.settings.project, "up", "--detach", "--wait"]
    return {
        "name": "Bring up the services",
        "ansible.builtin.command": {"argv": argv, "chdir": stack.compose_dir},
        "register": "up",
        "changed_when": "up.stderr is search(' (Created|Recreated|Started)')",
    }
