"""backup-proxmox and backup-vps: not that a job ran, but that there is a young backup of everything, in its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from estate_watch.result import Result
from estate_watch.run import CommandError, document, output


def proxmox(settings: dict[str, Any], memory: dict[str, Any], now: float) -> Result:
    """Every guest has a young vzdump on the storage, and the last tasks ended well."""
    result, node, storage = Result(), settings["node"], settings["storage"]
    base = f"/nodes/{node}/storage/{storage}"
    try:
        state = _get(f"{base}/status")
        if not int(state.get("active", 0)):
            # What is written then fills the node's own disk
            result.faults.append(f"storage {storage} is not mounted")
        newest: dict[int, float] = {}
        for backup in _get(f"{base}/content", "--content", "backup"):
            guest = int(backup.get("vmid", 0))
            newest[guest] = max(newest.get(guest, 0.0), float(backup["ctime"]) if int(backup["size"]) else 0.0)
        tasks = _get(f"/nodes/{node}/tasks", "--typefilter", "vzdump", "--limit", "20")
    except (CommandError, KeyError, TypeError, ValueError) as fault:
        result.faults.append(f"the backups cannot be read: {fault}")
        return result
    for guest in settings["guests"]:
        age = (now - newest.get(guest, 0.0)) / 3600
        result.value("guest_backup_age_hours", age, guest=str(guest))
        if guest not in newest:
            result.faults.append(f"guest {guest} has no backup on {storage}")
        elif age > settings["max_age_hours"]:
            result.faults.append(f"the newest backup of guest {guest} is {age:.0f} hours old")
    ended = [task for task in tasks if task.get("endtime")]
    last = max(ended, key=lambda task: float(task["endtime"]), default=None)
    if last is not None and last.get("status") != "OK":
        result.faults.append(f"the last vzdump ended with: {str(last.get('status'))[:200]}")
    return result


def back_up_proxmox(settings: dict[str, Any]) -> None:
    """Back all guests up now. Raises CommandError."""
    guests = [str(guest) for guest in settings["guests"]]
    output(
        ["vzdump", *guests, "--storage", settings["storage"], "--mode", "snapshot", "--compress", "zstd"],
        timeout=6 * 3600,
    )


def _get(path: str, *options: str) -> Any:
    return document(["pvesh", "get", path, *options, "--output-format", "json"])


def sets(settings: dict[str, Any], memory: dict[str, Any], now: float) -> Result:
    """The host's own backup sets: the newest is young, and the last run of each kind ended well."""
    result = Result()
    try:
        status = document([settings["program"], "status", "--json"], timeout=120)
        newest, runs = status["newest"], status["runs"]
    except (CommandError, KeyError, TypeError) as fault:
        result.faults.append(f"the backups cannot be read: {fault}")
        return result
    if not newest:
        result.faults.append("there is no backup set")
    else:
        made = datetime.strptime(newest, "%Y-%m-%dT%H%M%SZ").replace(tzinfo=UTC)
        age = (now - made.timestamp()) / 3600
        result.value("set_age_hours", age)
        if age > settings["max_age_hours"]:
            result.faults.append(f"the newest backup set is {age:.0f} hours old")
    result.faults += [f"the last {kind} backup did not end well" for kind, run in runs.items() if not run["ok"]]
    return result


def back_up_sets(settings: dict[str, Any]) -> None:
    """Make a set now. Raises CommandError."""
    output([settings["program"], "run", "--kind", "manual"], timeout=6 * 3600)
