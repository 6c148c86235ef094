"""The methods of the cluster and its nodes: /version, /nodes, /cluster."""

from typing import Any

from lab.standins.proxmox import VERSION, cluster, guests, jobs, status, storage
from lab.standins.proxmox.api import Method
from lab.standins.proxmox.ctconf import parse
from lab.standins.proxmox.errors import ParamError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.options import NODE, VMID
from lab.standins.proxmox.schema import TEXT, Param, Values, need


def _version(node: Node, values: Values) -> dict[str, Any]:
    return {"version": VERSION, "release": "9.1", "repoid": "estate-lab-stand-in"}


def _nodes(node: Node, values: Values) -> list[dict[str, Any]]:
    found = cluster.quorum(node)
    names = [one.name for one in found.members] or [node.name]
    online = {one.name for one in found.present} or {node.name}
    rows = []
    for name in names:
        row: dict[str, Any] = {"node": name, "type": "node", "id": f"node/{name}", "level": ""}
        row["status"] = "online" if name in online else "offline"
        rows.append(row | (_size(node) if name == node.name else {}))
    return rows


def _size(node: Node) -> dict[str, Any]:
    machine = node.machine()
    total, free = node.backend.space(node.root)
    used = sum(row["mem"] for row in guests.here(node))
    return {
        "maxcpu": machine["cpus"],
        "maxmem": machine["memory"],
        "mem": used,
        "cpu": 0,
        "maxdisk": total,
        "disk": total - free,
        "uptime": 1,
    }


def _status(node: Node, values: Values) -> dict[str, Any]:
    machine, size = node.machine(), _size(node)
    return {
        "cpuinfo": {"cpus": machine["cpus"], "cores": machine["cpus"], "sockets": 1},
        "memory": {"total": size["maxmem"], "used": size["mem"], "free": size["maxmem"] - size["mem"]},
        "rootfs": {"total": size["maxdisk"], "used": size["disk"], "avail": size["maxdisk"] - size["disk"]},
        "pveversion": f"pve-manager/{VERSION}",
        "uptime": 1,
    }


def _resources(node: Node, values: Values) -> list[dict[str, Any]]:
    kind, rows = values.get("type"), list[dict[str, Any]]()
    if kind in {None, "vm"}:
        online = {row["node"] for row in _nodes(node, {}) if row["status"] == "online"}
        for vmid, where in sorted(guests.owners(node).items()):
            rows.append(_guest(node, vmid, where, online))
    if kind in {None, "node"}:
        rows += _nodes(node, {})
    if kind in {None, "storage"}:
        for one in storage.load(node).values():
            state = storage.state(one)
            rows.append({"id": f"storage/{node.name}/{one.name}", "type": "storage", "node": node.name,
                         "storage": one.name, "plugintype": one.kind, "content": state["content"],
                         "shared": state["shared"], "maxdisk": state["total"], "disk": state["used"],
                         "status": "available" if state["active"] else "unknown"})  # fmt: skip
    return rows


def _guest(node: Node, vmid: int, where: str, online: set[str]) -> dict[str, Any]:
    """A container; of another node's its configuration is known, and that node's word of its state where it answers."""
    config = parse(node.read(f"nodes/{where}/lxc/{vmid}.conf"))
    row = guests.state(node, vmid, config)
    if where != node.name:
        row = {key: value for key, value in row.items() if key not in {"pid", "mem", "uptime"}}
        told = status.of(node, where).get(str(vmid), {})
        row["status"] = told.get("status", "unknown") if where in online else "unknown"
    return row | {
        "id": f"lxc/{vmid}",
        "node": where,
        "maxcpu": row.pop("cpus"),
        "template": int(config.values.get("template", 0)),
    }


def _nextid(node: Node, values: Values) -> str:
    taken = guests.owners(node)
    if wanted := values.get("vmid"):
        if wanted in taken:
            raise ParamError({"vmid": f"VM {wanted} already exists"})
        return str(wanted)
    return str(next(number for number in range(100, 10**9) if number not in taken))


def _cluster_status(node: Node, values: Values) -> list[dict[str, Any]]:
    found = cluster.quorum(node)
    here = {one.name for one in found.present}
    rows: list[dict[str, Any]] = []
    if found.members:
        rows.append({"type": "cluster", "id": "cluster", "name": cluster.name(node), "nodes": len(found.members),
                     "quorate": int(found.quorate), "version": len(found.members)})  # fmt: skip
    for one in found.members:
        rows.append(
            {
                "type": "node",
                "id": f"node/{one.name}",
                "name": one.name,
                "nodeid": one.number,
                "ip": one.address,
                "online": int(one.name in here),
                "local": int(one.name == node.name),
                "level": "",
            }
        )
    return rows or [
        {"type": "node", "id": f"node/{node.name}", "name": node.name, "online": 1, "local": 1, "nodeid": 0}
    ]


_ID = need(jobs.JOB["id"])
METHODS: tuple[Method, ...] = (
    Method("get", "/version", _version),
    Method("get", "/nodes", _nodes),
    Method("get", "/nodes/{node}/status", _status, {"node": NODE}),
    Method("get", "/cluster/resources", _resources, {"type": Param(enum=("node", "sdn", "storage", "vm"))}),
    Method("get", "/cluster/nextid", _nextid, {"vmid": Param("integer", minimum=VMID.minimum)}),
    Method("get", "/cluster/status", _cluster_status),
    Method("get", "/cluster/backup", lambda node, v: jobs.shown(node)),
    Method("create", "/cluster/backup", lambda node, v: jobs.create(node, v), jobs.JOB),
    Method("get", "/cluster/backup/{id}", lambda node, v: jobs.get(node, v["id"]), {"id": _ID}),
    Method("set", "/cluster/backup/{id}", lambda node, v: jobs.change(node, v), jobs.JOB | {"id": _ID, "delete": TEXT}),
    Method("delete", "/cluster/backup/{id}", lambda node, v: jobs.remove(node, v["id"]), {"id": _ID}),
)
