"""Backup jobs, /etc/pve/jobs.cfg, and the scheduler that runs them."""

import re
import subprocess
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from lab.standins.proxmox import calendar, guests, propstr, sections
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.options import NODE, STORAGE
from lab.standins.proxmox.schema import BOOL, COUNT, TEXT, Param

CONFIG = "jobs.cfg"
VMIDS = Param(pattern=r"\d+([,; ]+\d+)*")
_NODE = Param(pattern=NODE.pattern)
BACKUP: dict[str, Param] = {
    "all": BOOL,
    "bwlimit": COUNT,
    "compress": Param(enum=("0", "1", "gzip", "lzo", "zstd")),
    "exclude": VMIDS,
    "exclude-path": TEXT,
    "ionice": Param("integer", minimum=0, maximum=8),
    "lockwait": COUNT,
    "mailnotification": Param(enum=("always", "failure")),
    "mailto": TEXT,
    "mode": Param(enum=("snapshot", "stop", "suspend")),
    "node": _NODE,
    "notes-template": TEXT,
    "notification-mode": Param(enum=("auto", "legacy-sendmail", "notification-system")),
    "pool": TEXT,
    "protected": BOOL,
    "prune-backups": Param(check=propstr.PRUNE.parse),
    "quiet": BOOL,
    "remove": BOOL,
    "stdexcludes": BOOL,
    "stopwait": COUNT,
    "storage": STORAGE,
    "tmpdir": TEXT,
    "vmid": VMIDS,
    "zstd": COUNT,
}
JOB: dict[str, Param] = {
    **BACKUP,
    "id": Param(pattern=r"(?i)[a-z][a-z0-9_\-]+"),
    "schedule": Param(check=calendar.parse),
    "enabled": BOOL,
    "repeat-missed": BOOL,
    "comment": TEXT,
}
_NUMBERS = {key for key, param in JOB.items() if param.kind in {"boolean", "integer"}}


def _load(node: Node) -> dict[str, sections.Section]:
    return sections.parse(node.read(CONFIG))


def shown(node: Node) -> list[dict[str, Any]]:
    """The jobs as the API gives them: `prune-backups` is an object there (facts §1.5)."""
    return [_row(node, section) for section in _load(node).values()]


def _row(node: Node, section: sections.Section) -> dict[str, Any]:
    row: dict[str, Any] = {"id": section.name, "type": section.kind}
    for key, value in section.settings.items():
        row[key] = int(value) if key in _NUMBERS else value
    if "prune-backups" in row:
        row["prune-backups"] = propstr.PRUNE.parse(row["prune-backups"])
    row["next-run"] = int(calendar.parse(row["schedule"]).after(node.now()).timestamp())
    return row


def get(node: Node, name: str) -> dict[str, Any]:
    """One job. Raises PveError."""
    section = _load(node).get(name)
    if section is None:
        raise ParamError({"id": f"No such job '{name}'"})
    return _row(node, section)


def _check(settings: dict[str, str]) -> None:
    chosen = [key for key in ("all", "vmid", "pool") if settings.get(key, "0") != "0"]
    if len(chosen) != 1:
        word = "one of" if not chosen else "only one of"
        raise ParamError({"vmid": f"option '{word} vmid, all, pool' must be set"})
    if "exclude" in settings and "all" not in chosen:
        raise ParamError({"exclude": "option 'exclude' requires 'all'"})


def create(node: Node, values: dict[str, Any]) -> None:
    """A new job. Raises PveError when its name is taken."""
    name = values.pop("id", None) or str(uuid.uuid4())
    if "schedule" not in values:
        raise ParamError({"schedule": "neither 'starttime' nor 'schedule' were set"})
    settings = {key: str(value) for key, value in sorted(({"enabled": 1} | values).items())}
    _check(settings)
    with node.cfs_lock(CONFIG):
        found = _load(node)
        if name in found:
            raise PveError(f"Job '{name}' already exists")
        found[name] = sections.Section("vzdump", name, settings)
        node.write(CONFIG, sections.render(found))


def change(node: Node, values: dict[str, Any]) -> None:
    """Other settings for a job. Raises PveError."""
    name, delete = values.pop("id"), values.pop("delete", "")
    if not values and not delete:
        raise PveError("no options specified")
    with node.cfs_lock(CONFIG):
        found = _load(node)
        if name not in found:
            raise PveError("no such vzdump job")
        settings = found[name].settings
        for key in filter(None, re.split(r"[,; ]+", delete)):
            if key not in JOB:
                raise ParamError({"delete": f"unknown option '{key}'"})
            settings.pop(key, None)
        settings |= {key: str(value) for key, value in values.items()}
        if "vmid" in values:
            settings.pop("all", None)
        if values.get("all"):
            settings.pop("vmid", None)
        _check(settings)
        found[name].settings = dict(sorted(settings.items()))
        node.write(CONFIG, sections.render(found))


def remove(node: Node, name: str) -> None:
    """Delete a job. Raises PveError."""
    with node.cfs_lock(CONFIG):
        found = _load(node)
        if found.pop(name, None) is None:
            raise ParamError({"id": f"No such job '{name}'"})
        node.write(CONFIG, sections.render(found))


def forget_guest(node: Node, vmid: int) -> None:
    """Take a container out of every job; a job that loses its last one goes too."""
    with node.cfs_lock(CONFIG):
        found = _load(node)
        for section in list(found.values()):
            for key in ("vmid", "exclude"):
                kept = [one for one in re.split(r"[,; ]+", section.settings.get(key, "")) if one not in {"", str(vmid)}]
                if key in section.settings:
                    section.settings[key] = ",".join(kept)
                    if not kept:
                        del section.settings[key]
                        if key == "vmid":
                            del found[section.name]
        node.write(CONFIG, sections.render(found))


def arguments(node: Node, row: dict[str, Any]) -> list[str]:
    """The `vzdump` command of a job on this node; empty when it has nothing to do here."""
    if row.get("node", node.name) != node.name:
        return []
    mine = [vmid for vmid, where in guests.owners(node).items() if where == node.name]
    named = [vmid for vmid in re.split(r"[,; ]+", str(row.get("vmid", ""))) if vmid and int(vmid) in mine]
    if not mine or (row.get("vmid") and not named):
        return []
    argv = ["vzdump", *named]
    for key, value in row.items():
        if key in BACKUP and key not in {"vmid", "node"}:
            text = propstr.PRUNE.format(value) if key == "prune-backups" else str(value)
            argv += [f"--{key}", text]
    return [*argv, "--quiet", "1"]


def due(node: Node, last: datetime) -> list[dict[str, Any]]:
    """The jobs that have come since the last look; missed ones of a node that was down only where that is asked for."""
    now, found = node.now(), []
    for row in shown(node):
        since = last if row.get("repeat-missed") else max(last, now - timedelta(minutes=2))
        if row.get("enabled", 1) and calendar.parse(row["schedule"]).after(since) <= now:
            found.append(row)
    return found


def _execute(argv: list[str]) -> int:
    return subprocess.run(argv, check=False).returncode


def run_due(node: Node, execute: Callable[[list[str]], int] = _execute) -> int:
    """What pvescheduler does every minute; how many jobs it ran."""
    stamp = node.root / "var/lib/pve-manager/jobs/last-look"
    stamp.parent.mkdir(parents=True, exist_ok=True)
    last = datetime.fromtimestamp(float(stamp.read_text())) if stamp.exists() else node.now()
    commands = [argv for argv in (arguments(node, row) for row in due(node, last)) if argv]
    stamp.write_text(str(node.now().timestamp()))
    for argv in commands:
        if status := execute(argv):
            node.say(f"job failed with status {status}: {' '.join(argv)}")
    return len(commands)
