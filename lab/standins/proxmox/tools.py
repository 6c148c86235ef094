"""The other tools: `pvesh`, `pveam`, `pvesm`, `pveum`, `pvecm`, `vzdump`, `pve-firewall`."""

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from lab.standins.proxmox import api, cli, cluster, jobs, migrate, options, output, schema, storage, templates
from lab.standins.proxmox import firewall_daemon as firewall
from lab.standins.proxmox.cli import Command, method
from lab.standins.proxmox.errors import PveError, UsageError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.schema import BOOL, COUNT, INT, TEXT, Param, need, verify

_NAME = need(options.STORAGE)


def pvesh(node: Node, argv: Sequence[str]) -> int:
    """Call a method of the API by its path."""
    words = list(argv)
    if not words or words[0] not in {"get", "create", "set", "delete", "ls"}:
        return cli.main("pvesh", node, words, {verb: Command(_none, {"api_path": need(TEXT)}, ("api_path",))
                                               for verb in ("create", "delete", "get", "ls", "set")})  # fmt: skip
    line = f"pvesh {words[0]} <api_path> [OPTIONS] [FORMAT_OPTIONS]"
    return cli.guarded(lambda: _pvesh(node, words[0], words[1:]), line)


def _pvesh(node: Node, verb: str, words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        raise UsageError("not enough arguments")
    path, rest = words[0] if words[0].startswith("/") else f"/{words[0]}", words[1:]
    if verb == "ls":
        node.say("\n".join(f"----        {child}" for child in api.children(path)))
        return 0
    found, given = api.find(verb, path)
    own = {name: param for name, param in found.params.items() if name not in given}
    texts = schema.read(rest, {**own, **output.OPTIONS, "noproxy": BOOL})
    how = {key: texts.pop(key) for key in (*output.OPTIONS, "noproxy") if key in texts}
    schema.verify(how, {**output.OPTIONS, "noproxy": BOOL})
    where = given.get("node", node.name)
    if where not in {node.name, "localhost"} and "noproxy" not in how:
        other = cluster.member(node, where)
        return node.backend.remote(where, other.address, ["/usr/bin/pvesh", verb, *words, "--noproxy", "1"])
    if where == "localhost":
        given["node"] = node.name
    cli.show(node, found.call(node, given | texts), how)
    return 0


def _none(node: Node, texts: dict[str, str]) -> None:
    return None


def _available(node: Node, texts: dict[str, str]) -> None:
    section = verify(texts, {"section": Param(enum=("mail", "system", "turnkeylinux"))}).get("section", "")
    for kind, name in templates.available(node, section):
        node.say(f"{kind:<15} {name:<60} amd64")


PVEAM: dict[str, Command] = {
    "update": Command(lambda node, texts: _updated(node)),
    "available": Command(_available, {"section": TEXT}),
    "download": method("create", "/nodes/{node}/aplinfo", ("storage", "template")),
    "list": Command(lambda node, t: node.say(templates.listing(node, t["storage"])), {"storage": _NAME}, ("storage",)),
    "remove": Command(
        lambda node, t: templates.remove(node, t["template_path"]), {"template_path": need(TEXT)}, ("template_path",)
    ),
}


def _updated(node: Node) -> None:
    templates.update(node)
    node.say("update successful")


def _status(node: Node, rows: Any) -> None:
    width = max((len(row["storage"]) for row in rows), default=0) + 1
    node.say(f"{'Name':<{width}} {'Type':>10} {'Status':>10} {'Total (KiB)':>15} {'Used (KiB)':>15} "
             f"{'Available (KiB)':>15} {'%':>8}")  # fmt: skip
    for row in sorted(rows, key=lambda row: str(row["storage"])):
        state = "active" if row["active"] else "inactive" if row["enabled"] else "disabled"
        share = f"{100 * row['used'] / row['total'] if row['total'] else 0:>7.2f}%" if row["enabled"] else f"{'N/A':>8}"
        sizes = " ".join(f"{row[key] // 1024:>15}" for key in ("total", "used", "avail"))
        node.say(f"{row['storage']:<{width}} {row['type']:>10} {state:>10} {sizes} {share}")


def _content(node: Node, rows: Any) -> None:
    name = max((len(row["volid"]) for row in rows), default=0)
    size = len(str(max((row["size"] for row in rows), default=0)))
    node.say(f"{'Volid':<{name}} {'Format':<7} {'Type':<9} {'Size':>{size}} VMID")
    for row in rows:
        line = (
            f"{row['volid']:<{name}} {row['format']:<7} {row['content']:<9} {row['size']:>{size}} {row.get('vmid', '')}"
        )
        node.say(line.rstrip())


def _scan_nfs(node: Node, texts: dict[str, str]) -> None:
    server = texts["server"]
    folder = node.data / "nfs" / server
    if not node.dial(server, storage.SSH_PORT) or not folder.is_dir():
        raise PveError(f"command '/sbin/showmount --no-headers --exports {server}' failed: exit code 1")
    for path in sorted(folder.glob("export/*")):
        node.say(f"{'/' + str(path.relative_to(folder)):<30} *")


def _path(node: Node, texts: dict[str, str]) -> None:
    node.say(str(storage.path_of(node, texts["volume"])))


def _free(node: Node, texts: dict[str, str]) -> None:
    path = storage.path_of(node, texts["volume"])
    if path.with_name(f"{path.name}.protected").exists():
        raise PveError(f"cannot remove protected volume '{texts['volume']}'")
    if not path.exists():
        raise PveError(f"disk image '{path}' does not exist")
    path.unlink()
    node.say(f"Removed volume '{texts['volume']}'")


def _import(node: Node, texts: dict[str, str]) -> None:
    if texts["format"] != migrate.FORMAT or texts["filename"] != "-":
        raise PveError(f"ESTATE LAB STAND-IN: only '{migrate.FORMAT}' from standard input is here")
    migrate.receive(node, texts["volume"], sys.stdin.fileno())


def _prune(node: Node, texts: dict[str, str]) -> Any:
    keep = {key: texts.pop(key) for key in list(texts) if key.startswith("keep-")}
    given = {"prune-backups": ",".join(f"{key}={value}" for key, value in keep.items())} if keep else {}
    return api.by_path("delete", "/nodes/{node}/storage/{storage}/prunebackups").call(
        node, texts | given | {"node": node.name}
    )


_PRUNE = {
    "storage": _NAME,
    "dry-run": BOOL,
    "keep-all": BOOL,
    **{f"keep-{every}": COUNT for every in ("last", "hourly", "daily", "weekly", "monthly", "yearly")},
    "type": TEXT,
    "vmid": INT,
}


def _pruned(node: Node, rows: Any) -> None:
    for row in rows:
        node.say(f"{row['volid']} lxc {row['vmid']} {row['mark']}")


PVESM: dict[str, Command] = {
    "add": method("create", "/storage", ("type", "storage")),
    "set": method("set", "/storage/{storage}", ("storage",)),
    "remove": method("delete", "/storage/{storage}", ("storage",)),
    "status": method("get", "/nodes/{node}/storage", show=_status),
    "list": method("get", "/nodes/{node}/storage/{storage}/content", ("storage",), show=_content),
    "path": Command(_path, {"volume": need(TEXT)}, ("volume",)),
    "free": Command(_free, {"volume": need(TEXT)}, ("volume",)),
    "import": Command(
        _import, {k: need(TEXT) for k in ("volume", "format", "filename")}, ("volume", "format", "filename")
    ),
    "scan nfs": Command(_scan_nfs, {"server": need(TEXT)}, ("server",)),
    "nfsscan": Command(_scan_nfs, {"server": need(TEXT)}, ("server",)),
    "prune-backups": Command(_prune, _PRUNE, ("storage",), _pruned),
}
_TOKEN = "/access/users/{userid}/token/{tokenid}"  # noqa: S105 - a path


def _pveum() -> dict[str, Command]:
    found: dict[str, Command] = {}
    for word, path, key in (("user", "users", "userid"), ("group", "groups", "groupid"), ("role", "roles", "roleid")):
        one = f"/access/{path}/{{{key}}}"
        found[f"{word} add"] = method("create", f"/access/{path}", (key,))
        found[f"{word} modify"] = method("set", one, (key,))
        found[f"{word} delete"] = method("delete", one, (key,))
        found[f"{word} list"] = method("get", f"/access/{path}", formats=True)
        found |= {f"{word}{short}": found[f"{word} {long}"] for short, long in _ALIASES.items()}
    found["acl modify"] = method("set", "/access/acl", ("path",), {"delete": "0"})
    found["acl delete"] = method("set", "/access/acl", ("path",), {"delete": "1"})
    found["acl list"] = method("get", "/access/acl", formats=True)
    found |= {"aclmod": found["acl modify"], "acldel": found["acl delete"]}
    found["realm add"] = method("create", "/access/domains", ("realm",))
    found["realm modify"] = method("set", "/access/domains/{realm}", ("realm",))
    found["realm delete"] = method("delete", "/access/domains/{realm}", ("realm",))
    found["realm list"] = method("get", "/access/domains", formats=True)
    found["user token add"] = method("create", _TOKEN, ("userid", "tokenid"), formats=True)
    found["user token delete"] = method("delete", _TOKEN, ("userid", "tokenid"), formats=True)
    found["user token remove"] = found["user token delete"]
    found["user token list"] = method("get", "/access/users/{userid}/token", ("userid",), formats=True)
    return found


_ALIASES = {"add": "add", "mod": "modify", "del": "delete"}


def pvecm(node: Node, argv: Sequence[str]) -> int:
    """The cluster's tool; the lab's cluster is there from the start, so nodes neither join nor leave."""
    return cli.main("pvecm", node, argv, PVECM)


def _cm_status(node: Node, texts: dict[str, str]) -> int:
    text, code = cluster.status(node)
    node.say(text)
    return code


_VOTES = {"expected": Param("integer", optional=False, minimum=1)}
PVECM: dict[str, Command] = {
    "status": Command(_cm_status),
    "nodes": Command(lambda node, texts: node.say(cluster.nodes_table(node))),
    "expected": Command(
        lambda node, t: cluster.set_expected(node, verify(t, _VOTES)["expected"]), _VOTES, ("expected",)
    ),
    "qdevice setup": Command(
        lambda node, t: cluster.set_qdevice(node, t["address"]),
        {"address": need(TEXT), "force": BOOL, "network": TEXT},
        ("address",),
    ),
    "qdevice remove": Command(lambda node, texts: cluster.set_qdevice(node, "")),
}


def vzdump(node: Node, argv: Sequence[str]) -> int:
    """Back up containers of this node: VMIDs first, then options."""
    words = list(argv)
    vmids: list[str] = []
    while words and words[0].replace(",", "").isdigit():
        vmids.append(words.pop(0))
    if vmids:
        words += ["--vmid", ",".join(vmids)]
    if not [word for word in words if word.lstrip("-").partition("=")[0] in {"storage", "dumpdir"}]:
        words += ["--storage", "local"]
    line = "vzdump {<vmid>} [OPTIONS]"
    if list(argv) in (["help"], ["--version"], ["--help"]):
        return cli.main("vzdump", node, argv, Command(_none))
    return cli.guarded(lambda: _vzdump(node, words, list(argv)), line)


def _vzdump(node: Node, words: list[str], argv: list[str]) -> int:
    found = api.by_path("create", "/nodes/{node}/vzdump")
    texts = schema.read(words, {**jobs.BACKUP, "dumpdir": TEXT, "job-id": TEXT})
    texts.pop("job-id", None)
    if texts.get("quiet") != "1":
        node.say(f"INFO: starting new backup job: vzdump {shlex.join(argv)}")
    found.call(node, texts | {"node": node.name})
    if texts.get("quiet") != "1":
        node.say("INFO: Backup job finished successfully")
    return 0


def _compile(node: Node, texts: dict[str, str]) -> None:
    printed, faults = firewall.compile_all(node)
    for fault in faults:
        print(fault, file=sys.stderr)
    node.say("\n".join(printed))


def _localnet(node: Node, texts: dict[str, str]) -> None:
    address = next((one.address for one in cluster.members(node) if one.name == node.name), "127.0.0.1")
    network = firewall.local_network(node)
    node.say(f"local hostname: {node.name}\nlocal IP address: {address}\nnetwork auto detect: {network}\n"
             f"using detected local_network: {network}")  # fmt: skip


FIREWALL: dict[str, Command] = {
    "compile": Command(_compile),
    "status": Command(lambda node, texts: node.say(firewall.status(node))),
    "localnet": Command(_localnet),
    "start": Command(lambda node, texts: node.backend.service("start", firewall.UNIT)),
    "stop": Command(lambda node, texts: node.backend.service("stop", firewall.UNIT)),
    # PVE::Daemon does the same: the daemon gets its SIGHUP, and nobody waits for what it does then
    "restart": Command(lambda node, texts: node.backend.service("reload-or-restart", firewall.UNIT)),
}


def pveum(node: Node, argv: Sequence[str]) -> int:
    """Users, groups, roles, realms, tokens."""
    return cli.main("pveum", node, argv, _pveum())


def pveam(node: Node, argv: Sequence[str]) -> int:
    """Templates."""
    return cli.main("pveam", node, argv, PVEAM)


def pvesm(node: Node, argv: Sequence[str]) -> int:
    """Storages."""
    return cli.main("pvesm", node, argv, PVESM)


def pve_firewall(node: Node, argv: Sequence[str]) -> int:
    """The firewall's tool."""
    return cli.main("pve-firewall", node, argv, FIREWALL)
