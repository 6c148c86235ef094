"""The output of proxmox.sh as a PveState (pure). JSON fields: pve-docs generated/, pve-container, pve-manager."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from estate.plan.proxmox_state import Guest, Inside, PveState, StorageStatus, Values

_HEAD = "@@\t"
_QUORATE = re.compile(r"^Quorate:\s+Yes", re.MULTILINE)


def sections(lines: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Exit code and text, by the name of the section."""
    found: dict[str, tuple[int, list[str]]] = {}
    text: list[str] = []
    for line in lines:
        if line.startswith(_HEAD):
            _, name, code = line.split("\t")
            text = []
            found[name] = (int(code), text)
        else:
            text.append(line)
    return {name: (code, "\n".join(body)) for name, (code, body) in found.items()}


def _text(value: Any) -> str:
    """A value as the tools take it: true is 1, retention an object or a string (POST and GET differ)."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dict):
        return ",".join(f"{key}={_text(item)}" for key, item in sorted(value.items()))
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return "" if value is None else str(value)


def _values(item: Mapping[str, Any]) -> Values:
    return {key: _text(value) for key, value in item.items()}


class _Sections:
    """What was asked, with the first failure kept as the reason why the node cannot be judged."""

    def __init__(self, found: Mapping[str, tuple[int, str]]) -> None:
        self.found = found
        self.error = found.get("error", (0, ""))[1].strip()

    def text(self, name: str) -> str:
        return self.found.get(name, (0, ""))[1]

    def json(self, name: str) -> Any:
        code, text = self.found.get(name, (127, ""))
        if code != 0:
            said = self.text(f"{name}.error").strip() or f"exit code {code}"
            self.error = self.error or f"{name} could not be read: {said}"
            return []
        return json.loads(text or "[]")

    def named(self, prefix: str) -> dict[str, str]:
        """Sections "PREFIX-NAME" that were read, by name."""
        return {
            name.removeprefix(prefix): name
            for name, (code, _) in self.found.items()
            if name.startswith(prefix) and code == 0 and not name.endswith(".error")
        }


def _guest(item: Mapping[str, Any], locks: Mapping[int, str]) -> Guest:
    vmid = int(item["vmid"])
    return Guest(
        vmid=vmid,
        name=str(item.get("name", "")),
        node=str(item.get("node", "")),
        kind=str(item.get("type", "lxc")),
        status=str(item.get("status", "unknown")),
        lock=str(item.get("lock") or locks.get(vmid, "")),
        cores=float(item.get("maxcpu") or 0),
        cpu=float(item.get("cpu") or 0),
        memory=int(item.get("maxmem") or 0),
        memory_used=int(item.get("mem") or 0),
        disk=int(item.get("maxdisk") or 0),
        disk_used=int(item.get("disk") or 0),
    )


def _guests(read: _Sections, node: str) -> dict[int, Guest]:
    own = read.json("lxc")
    locks = {int(item["vmid"]): str(item.get("lock") or "") for item in own}
    guests = {int(item["vmid"]): _guest(item, locks) for item in read.json("resources") if "vmid" in item}
    for item in own:
        # pvestatd tells the cluster only every ten seconds: of its own containers the node knows better
        vmid = int(item["vmid"])
        there = {"maxcpu": item.get("cpus"), "node": node, "type": "lxc"}
        guests[vmid] = _guest({**item, **{k: v for k, v in there.items() if v is not None}}, locks)
    return guests


def _inside(text: str) -> Inside:
    lines = [line.partition(" ") for line in text.splitlines()]
    return Inside(
        sshd=any(kind == "sshd" for kind, _, _ in lines),
        admins=frozenset(rest for kind, _, rest in lines if kind == "admin"),
        host_keys=tuple(sorted(rest for kind, _, rest in lines if kind == "key")),
    )


def _tokens(read: _Sections) -> dict[str, Values]:
    return {
        f"{user}!{item['tokenid']}": _values(item)
        for user, section in read.named("tokens-").items()
        for item in read.json(section)
    }


def _names(text: str, column: int) -> tuple[str, ...]:
    rows = (line.split() for line in text.splitlines())
    return tuple(row[column] for row in rows if len(row) > column and ".tar." in row[column])


def _acl(items: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str, str, str, bool]]:
    return frozenset(
        (str(i["path"]), str(i["type"]), str(i["ugid"]), str(i["roleid"]), _text(i.get("propagate", 1)) == "1")
        for i in items
    )


def parse(lines: Iterable[str]) -> PveState:
    """Everything that the script printed; `error` says why that is nothing. Raises ValueError for a broken answer."""
    read = _Sections(sections(lines))
    if read.error:
        return PveState(error=read.error)
    node = read.text("node").strip()
    nodes = {str(item["node"]): item for item in read.json("nodes")}
    mine = nodes.get(node, {})
    clustered = read.text("clustered").strip() == "yes"
    storage = {str(item["storage"]): item for item in read.json("storage-status")}
    version = read.json("version")
    state = PveState(
        node=node,
        version=str(version.get("version", "")) if isinstance(version, dict) else "",
        clustered=clustered,
        quorate=not clustered or bool(_QUORATE.search(read.text("quorum"))),
        cores=int(mine.get("maxcpu") or 0),
        memory=int(mine.get("maxmem") or 0),
        nodes={name: str(item.get("status", "")) for name, item in nodes.items()},
        guests=_guests(read, node),
        configs={int(vmid): _values(read.json(name)) for vmid, name in read.named("config-").items()},
        inside={int(vmid): _inside(read.text(name)) for vmid, name in read.named("inside-").items()},
        storages={str(item["storage"]): _values(item) for item in read.json("storages")},
        storage_status={
            name: StorageStatus(_text(i.get("active", 0)) == "1", int(i.get("avail") or 0), int(i.get("total") or 0))
            for name, i in storage.items()
        },
        available=_names(read.text("available"), 1),
        downloaded=tuple(name.rpartition("/")[2] for name in _names(read.text("downloaded"), 0)),
        jobs={str(item["id"]): _values(item) for item in read.json("jobs")},
        realms={str(i["realm"]): _values(i) for i in read.json("domains")}
        | {realm: _values(read.json(name)) for realm, name in read.named("realm-").items()},
        roles={str(i["roleid"]): frozenset(re.split(r"[ ,]+", str(i.get("privs") or ""))) for i in read.json("roles")},
        groups={str(item["groupid"]): _values(item) for item in read.json("groups")},
        users={str(item["userid"]): _values(item) for item in read.json("users")},
        tokens=_tokens(read),
        kept_tokens=frozenset(read.text("kept").split()),
        acl=_acl(read.json("acl")),
    )
    return PveState(error=read.error) if read.error else state
