"""The methods below /nodes/NODE/lxc."""

from typing import Any

from lab.standins.proxmox import create, ctconf, guests, migrate, options, power, settings, snapshots, volumes
from lab.standins.proxmox.api import Method
from lab.standins.proxmox.errors import ParamError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.options import NODE, VMID
from lab.standins.proxmox.schema import BOOL, COUNT, INT, TEXT, Param, Values, need

_LXC = "/nodes/{node}/lxc"
_ONE = f"{_LXC}/{{vmid}}"
_SNAPNAME = Param(optional=False, pattern=r"(?i)[a-z][a-z0-9_\-]+")
_BASE = {"node": NODE, "vmid": VMID}


def _config(node: Node, values: Values) -> dict[str, Any]:
    config = guests.load(node, values["vmid"])
    if values.get("snapshot") and values.get("current"):
        fault = "cannot use 'snapshot' parameter with 'current'"
        raise ParamError({"snapshot": fault, "current": fault})
    part = config.current if values.get("current") else config.coming()
    if name := values.get("snapshot"):
        if name not in config.snapshots:
            raise ParamError({"snapshot": f"snapshot '{name}' does not exist"})
        part = config.snapshots[name]
    found: dict[str, Any] = dict(ctconf.typed(part.values))
    if part.description:
        found["description"] = part.description
    if part.raw:
        found["lxc"] = [list(pair) for pair in part.raw]
    return found | {"digest": config.digest}


def _pending(node: Node, values: Values) -> list[dict[str, Any]]:
    config = guests.load(node, values["vmid"])
    waiting = {key: value for key, value in config.pending.values.items() if key != "delete"}
    dropped = options.split(config.pending.values.get("delete", ""))
    rows = []
    for key in sorted({*config.values, *waiting}):
        row: dict[str, Any] = {"key": key}
        row |= {"value": config.values[key]} if key in config.values else {}
        row |= {"pending": waiting[key]} if key in waiting else {}
        rows.append(row | ({"delete": 1} if key in dropped else {}))
    return rows


def _create(node: Node, values: Values) -> None:
    values.pop("node")
    create.create(node, values)


def _set(node: Node, values: Values) -> None:
    values.pop("node")
    settings.change(node, values)


def _destroy(node: Node, values: Values) -> None:
    create.destroy(
        node, values["vmid"], bool(values.get("purge")), bool(values.get("force")),
        bool(values.get("destroy-unreferenced-disks")),
    )  # fmt: skip


def _status(node: Node, values: Values) -> dict[str, Any]:
    return guests.state(node, values["vmid"], guests.load(node, values["vmid"])) | {"ha": {"managed": 0}}


def _start(node: Node, values: Values) -> None:
    power.start(node, values["vmid"], bool(values.get("skiplock")))


def _stop(node: Node, values: Values) -> None:
    power.stop(node, values["vmid"], skip_lock=bool(values.get("skiplock")))


def _shutdown(node: Node, values: Values) -> None:
    power.stop(node, values["vmid"], values.get("timeout", power.SHUTDOWN_SECONDS), bool(values.get("forceStop")))


def _reboot(node: Node, values: Values) -> None:
    power.reboot(node, values["vmid"], values.get("timeout", power.SHUTDOWN_SECONDS))


def _resize(node: Node, values: Values) -> None:
    volumes.resize(node, values["vmid"], values)


def _snapshot(node: Node, values: Values) -> None:
    snapshots.take(node, values["vmid"], values["snapname"], values.get("description", ""))


def _rollback(node: Node, values: Values) -> None:
    snapshots.rollback(node, values["vmid"], values["snapname"], bool(values.get("start")))


def _delsnapshot(node: Node, values: Values) -> None:
    snapshots.delete(node, values["vmid"], values["snapname"])


def _migrate(node: Node, values: Values) -> None:
    migrate.migrate(node, values)


_CREATE = {"node": NODE} | options.CREATE
_POWER = _BASE | {"skiplock": BOOL}
METHODS: tuple[Method, ...] = (
    Method("get", _LXC, lambda node, values: guests.here(node), {"node": NODE}),
    Method("create", _LXC, _create, _CREATE, "vzcreate"),
    Method("get", f"{_ONE}/config", _config, _BASE | {"current": BOOL, "snapshot": Param(pattern=_SNAPNAME.pattern)}),
    Method("set", f"{_ONE}/config", _set, {"node": NODE} | options.SET),
    Method("get", f"{_ONE}/pending", _pending, _BASE),
    Method("get", f"{_ONE}/status/current", _status, _BASE),
    Method("create", f"{_ONE}/status/start", _start, _POWER | {"debug": BOOL}, "vzstart"),
    Method("create", f"{_ONE}/status/stop", _stop, _POWER | {"overrule-shutdown": BOOL}, "vzstop"),
    Method("create", f"{_ONE}/status/shutdown", _shutdown, _BASE | {"forceStop": BOOL, "timeout": COUNT}, "vzshutdown"),
    Method("create", f"{_ONE}/status/reboot", _reboot, _BASE | {"timeout": COUNT}, "vzreboot"),
    Method(
        "set",
        f"{_ONE}/resize",
        _resize,
        _BASE
        | {
            "disk": Param(optional=False, pattern=r"rootfs|mp\d{1,3}"),
            "size": Param(optional=False, pattern=r"\+?\d+(\.\d+)?[KMGT]?"),
            "digest": TEXT,
        },
        "resize",
    ),
    Method(
        "create",
        f"{_ONE}/migrate",
        _migrate,
        _BASE
        | {
            "target": need(NODE),
            "restart": BOOL,
            "online": BOOL,
            "timeout": INT,
            "bwlimit": Param("number", minimum=0),
            "target-storage": TEXT,
        },
        "vzmigrate",
    ),
    Method(
        "delete",
        _ONE,
        _destroy,
        _BASE | {"purge": BOOL, "force": BOOL, "destroy-unreferenced-disks": BOOL},
        "vzdestroy",
    ),
    Method("get", f"{_ONE}/snapshot", lambda node, v: snapshots.rows(guests.load(node, v["vmid"])), _BASE),
    Method("create", f"{_ONE}/snapshot", _snapshot, _BASE | {"snapname": _SNAPNAME, "description": TEXT}, "vzsnapshot"),
    Method(
        "delete",
        f"{_ONE}/snapshot/{{snapname}}",
        _delsnapshot,
        _BASE | {"snapname": _SNAPNAME, "force": BOOL},
        "vzdelsnapshot",
    ),
    Method(
        "create",
        f"{_ONE}/snapshot/{{snapname}}/rollback",
        _rollback,
        _BASE | {"snapname": _SNAPNAME, "start": BOOL},
        "vzrollback",
    ),
)
