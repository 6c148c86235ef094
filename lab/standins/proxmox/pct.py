"""`pct`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.standins.proxmox import api, cli, ctconf, guests, options, power, propstr, snapshots
from lab.standins.proxmox.cli import Command, method
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.options import VMID
from lab.standins.proxmox.schema import BOOL, TEXT, Param, need, read, verify

_LXC = "/nodes/{node}/lxc"
_ONE = f"{_LXC}/{{vmid}}"
_EXEC = {"vmid": VMID, "keep-env": BOOL}
_FORMAT = "%-10s %-10s %-12s %-20s"


def _list(node: Node, rows: Any) -> None:
    """Nothing at all for no containers, not even the header (facts §1.2)."""
    if not rows:
        return
    node.say(_FORMAT % ("VMID", "Status", "Lock", "Name"))
    for row in sorted(rows, key=lambda row: int(row["vmid"])):
        node.say(_FORMAT % (row["vmid"], row["status"], row.get("lock", ""), row["name"]))


def _config(node: Node, found: Any) -> None:
    raw = found.pop("lxc", [])
    found.pop("digest")
    for key, value in sorted(found.items()):
        node.say(f"{key}: {ctconf.encode(value) if key == 'description' else value}")
    for key, value in raw:
        node.say(f"{key}: {value}")


def _pending(node: Node, rows: Any) -> None:
    for row in rows:
        if "pending" not in row:
            node.say(f"{'del' if 'delete' in row else 'cur'} {row['key']}: {row['value']}")
        else:
            if "value" in row:
                node.say(f"cur {row['key']}: {row['value']}")
            node.say(f"new {row['key']}: {row['pending']}")


def _status(node: Node, texts: dict[str, str]) -> None:
    values = verify(texts, {"vmid": VMID, "verbose": BOOL})
    found = guests.state(node, values["vmid"], guests.load(node, values["vmid"]))
    if values.get("verbose"):
        for key in sorted(set(found) - {"cpu"}):
            node.say(f"{key}: {found[key]}")
    else:
        node.say(f"status: {found['status']}")


def _running(node: Node, vmid: int, fault: str) -> int:
    guests.load(node, vmid)
    use = node.backend.usage(vmid)
    if use is None:
        raise PveError(fault)
    return use.pid


def execute(node: Node, argv: Sequence[str]) -> int:
    """`pct exec VMID [--keep-env 0|1] -- COMMAND …`: lxc-attach, with this process's input and output."""
    before, command = _split(list(argv))
    values = verify(read(before, _EXEC, ("vmid",)), _EXEC)
    _running(node, values["vmid"], f"container '{values['vmid']}' not running!")
    if not command:
        raise PveError("missing command")
    return node.backend.attach(values["vmid"], command, bool(values.get("keep-env", 1)))


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Ours, and the command: what follows `--`, or without that what follows the VMID."""
    if "--" in words:
        return words[: words.index("--")], words[words.index("--") + 1 :]
    for index, word in enumerate(words):
        if word.isdigit() and (index == 0 or not words[index - 1].startswith("-")):
            return words[: index + 1], words[index + 1 :]
    return words, []


def _enter(node: Node, texts: dict[str, str]) -> int:
    values = verify(texts, {"vmid": VMID, "keep-env": BOOL})
    _running(node, values["vmid"], f"container '{values['vmid']}' not running!")
    return node.backend.attach(values["vmid"], ["/bin/bash"], bool(values.get("keep-env", 1)))


_PUSH = {
    "vmid": VMID,
    "file": need(TEXT),
    "destination": need(TEXT),
    "user": TEXT,
    "group": TEXT,
    "perms": Param(pattern=r"(0x[0-9a-fA-F]+|[0-7]+)"),
}


def _push(node: Node, texts: dict[str, str]) -> int:
    values = verify(texts, _PUSH)
    _running(node, values["vmid"], "can only push files to a running CT")
    source = Path(values["file"])
    if not source.is_file():
        raise PveError(f"failed to open {source} for reading")
    return node.backend.push(values["vmid"], source, values["destination"], _mode(values), _owner(values))


def _mode(values: dict[str, Any]) -> str:
    perms = str(values.get("perms", ""))
    return oct(int(perms, 16))[2:] if perms.startswith("0x") else perms


def _owner(values: dict[str, Any]) -> str:
    user, group = values.get("user", ""), values.get("group", "")
    return f"{user}:{group}" if group else user


_PULL = {
    "vmid": VMID,
    "path": need(TEXT),
    "destination": need(TEXT),
    "user": TEXT,
    "group": TEXT,
    "perms": _PUSH["perms"],
}


def _pull(node: Node, texts: dict[str, str]) -> int:
    values = verify(texts, _PULL)
    _running(node, values["vmid"], "can only pull files from a running VM")
    return node.backend.pull(values["vmid"], values["path"], Path(values["destination"]), _mode(values), _owner(values))


def _unlock(node: Node, texts: dict[str, str]) -> None:
    guests.set_lock(node, verify(texts, {"vmid": VMID})["vmid"], "")


def _df(node: Node, texts: dict[str, str]) -> None:
    vmid = verify(texts, {"vmid": VMID})["vmid"]
    config = guests.load(node, vmid)
    running = node.backend.usage(vmid) is not None
    root = power.mount(node, vmid, config)
    try:
        rows = [["MP", "Volume", "Size", "Used", "Avail", "Use%", "Path"]]
        for key, text in config.volumes().items():
            parsed = (propstr.ROOTFS if key == "rootfs" else propstr.MOUNT).parse(text)
            path = parsed.get("mp", "")
            total, free = node.backend.space(root / path.lstrip("/"))
            used = total - free
            sizes = [f"{size / 1024**3:.1f}G" for size in (total, used, free)]
            rows.append([key, parsed["volume"], *sizes, f"{100 * used / (total or 1):.1f}", path])
    finally:
        if not running:
            power.unmount(node, vmid)
    widths = [max(len(row[index]) for row in rows) for index in range(6)]
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:6], widths[2:], strict=True)]
        node.say(" ".join([*left, *right, row[6]]))


def _create(node: Node, texts: dict[str, str]) -> Any:
    """The tool takes a file of keys, the API the keys."""
    if name := texts.get("ssh-public-keys"):
        try:
            texts = texts | {"ssh-public-keys": Path(name).read_text()}
        except OSError as fault:
            raise PveError(f"can't open '{name}' - {fault.strerror}") from fault
    return api.by_path("create", _LXC).call(node, texts | {"node": node.name})


def _restore(node: Node, texts: dict[str, str]) -> Any:
    return _create(node, texts | {"restore": "1"})


_RESTORE = {key: param for key, param in options.CREATE.items() if key != "restore"}
COMMANDS: dict[str, Command] = {
    "list": method("get", _LXC, show=_list),
    "config": method("get", f"{_ONE}/config", ("vmid",), show=_config),
    "pending": method("get", f"{_ONE}/pending", ("vmid",), show=_pending),
    "set": method("set", f"{_ONE}/config", ("vmid",)),
    "resize": method("set", f"{_ONE}/resize", ("vmid", "disk", "size")),
    "create": Command(_create, options.CREATE, ("vmid", "ostemplate")),
    "restore": Command(_restore, _RESTORE, ("vmid", "ostemplate")),
    "destroy": method("delete", _ONE, ("vmid",)),
    "start": method("create", f"{_ONE}/status/start", ("vmid",)),
    "stop": method("create", f"{_ONE}/status/stop", ("vmid",)),
    "shutdown": method("create", f"{_ONE}/status/shutdown", ("vmid",)),
    "reboot": method("create", f"{_ONE}/status/reboot", ("vmid",)),
    "migrate": method("create", f"{_ONE}/migrate", ("vmid", "target")),
    "snapshot": method("create", f"{_ONE}/snapshot", ("vmid", "snapname")),
    "delsnapshot": method("delete", f"{_ONE}/snapshot/{{snapname}}", ("vmid", "snapname")),
    "rollback": method("create", f"{_ONE}/snapshot/{{snapname}}/rollback", ("vmid", "snapname")),
    "listsnapshot": Command(
        lambda node, texts: node.say(snapshots.tree(guests.load(node, verify(texts, {"vmid": VMID})["vmid"]))),
        {"vmid": VMID},
        ("vmid",),
    ),
    "status": Command(_status, {"vmid": VMID, "verbose": BOOL}, ("vmid",)),
    "enter": Command(_enter, {"vmid": VMID, "keep-env": BOOL}, ("vmid",)),
    "unlock": Command(_unlock, {"vmid": VMID}, ("vmid",)),
    "push": Command(_push, _PUSH, ("vmid", "file", "destination")),
    "pull": Command(_pull, _PULL, ("vmid", "path", "destination")),
    "df": Command(_df, {"vmid": VMID}, ("vmid",)),
}


def main(node: Node, argv: Sequence[str]) -> int:
    """Run `pct`."""
    if argv and argv[0] == "exec":
        return cli.guarded(lambda: execute(node, argv[1:]), "pct exec <vmid> [<extra-args>] [OPTIONS]")
    return cli.main("pct", node, argv, COMMANDS)
