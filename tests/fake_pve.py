#!/usr/bin/env python3
"""A Proxmox node's tools for tests of shell scripts, as facts/homelab-vps.md has them: state is one JSON file.

Called as pvesh, pct, pveam, pvesm, pveum, pvecm and hostname. An unknown option is an error; every call is noted.
"""

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_PVE"])
GIB = 1024**3
PCT = {
    "hostname",
    "cores",
    "memory",
    "swap",
    "rootfs",
    "net0",
    "nameserver",
    "searchdomain",
    "features",
    "unprivileged",
    "onboot",
    "startup",
    "protection",
    "timezone",
    "tags",
    "description",
    "delete",
    "mp0",
    "mp1",
}


def fail(text, code=2):
    print(text, file=sys.stderr)
    sys.exit(code)


def parse(words, known):
    rest, given = [], {}
    words = list(words)
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            if word[2:] not in known:
                fail(f"Unknown option: {word[2:]}", 255)
            given[word[2:]] = words.pop(0)
        else:
            rest.append(word)
    return rest, given


def volume(state, vmid, key, value):
    """STORAGE:GIB becomes a volume, as on a node."""
    first, *others = value.split(",")
    if first.startswith("/"):
        return value
    storage, size = first.split(":")
    if not size.isdigit():
        return value
    return ",".join([f"{storage}:vm-{vmid}-{key}", *others, f"size={size}G"])


def put(state, vmid, given):
    config = state["configs"].setdefault(vmid, {})
    for key in filter(None, given.pop("delete", "").split(",")):
        config.pop(key, None)
    for key, value in given.items():
        if key == "net0":
            words = dict(item.split("=", 1) for item in value.split(","))
            value = ",".join(
                f"{k}={v}" for k, v in sorted({"hwaddr": "BC:24:11:00:00:01", "type": "veth", **words}.items())
            )
        elif key == "rootfs" or key.startswith("mp"):
            value = volume(state, vmid, key, value)
        config[key] = int(value) if value.isdigit() and key != "hostname" else value


def pct(state, words):
    verb, *words = words
    guests = state["guests"]
    if verb == "list":
        if guests:
            print(f"{'VMID':10} {'Status':10} {'Lock':12} {'Name':20}")
        for vmid, guest in sorted(guests.items()):
            print(f"{vmid:10} {guest['status']:10} {'':12} {state['configs'][vmid]['hostname']:20}")
        return
    if verb == "exec":
        vmid, keep, value, dashes, *command = words
        assert (keep, value, dashes) == ("--keep-env", "0", "--")
        guests[vmid]["status"] == "running" or fail(f"container '{vmid}' not running!")
        guest = guests[vmid]
        if "apt-get" in command[-1]:
            guest["inside"] = "sshd\nadmin mitch\nkey ssh-ed25519 AAAAkeyof" + vmid
        elif guest.get("inside"):
            print(guest["inside"])
        return
    rest, given = parse(words, PCT | {"restart", "purge"})
    vmid = rest[0]
    if verb == "create":
        vmid in guests and fail(f"CT {vmid} already exists")
        template = rest[1].rpartition("/")[2]
        template in state["downloaded"] or fail(f"no such template {template}")
        guests[vmid] = {"status": "stopped"}
        put(state, vmid, given)
        return
    vmid in guests or fail(f"Configuration file 'nodes/dl380p/lxc/{vmid}.conf' does not exist")
    if verb == "config":
        for key, value in sorted(state["configs"][vmid].items()):
            print(f"{key}: {value}")
    elif verb == "set":
        put(state, vmid, given)
    elif verb == "resize":
        config = state["configs"][vmid]
        head = config[rest[1]].rpartition(",size=")[0]
        config[rest[1]] = f"{head},size={rest[2]}"
    elif verb in ("start", "reboot"):
        guests[vmid]["status"] = "running"
    elif verb in ("stop", "shutdown"):
        guests[vmid]["status"] = "stopped"
    elif verb == "migrate":
        guests.pop(vmid), state["configs"].pop(vmid)
    elif verb == "destroy":
        state["configs"][vmid].get("protection") and fail(f"can't remove CT {vmid} - protection mode enabled")
        guests.pop(vmid), state["configs"].pop(vmid)
    else:
        fail(f"unknown verb {verb}")


def resource(state, vmid):
    config, guest = state["configs"][vmid], state["guests"][vmid]
    memory = int(config["memory"]) * 1024**2
    return {
        **{
            "vmid": int(vmid),
            "name": config["hostname"],
            "status": guest["status"],
            "maxmem": memory,
            "mem": memory // 2,
        },
        **{"cpus": config["cores"], "cpu": 0.25, "maxdisk": 20 * GIB, "disk": GIB},
        **({"lock": guest["lock"]} if guest.get("lock") else {}),
    }


def answer(state, path, given):
    node = state["node"]
    own = {vmid: resource(state, vmid) for vmid in state["guests"]}
    tables = {
        "/version": {"version": "9.1.3"},
        "/nodes": [{"node": n, "status": "online", "maxcpu": 32, "maxmem": 96 * GIB} for n in state["nodes"]],
        "/cluster/resources": [{**r, "type": "lxc", "node": node, "maxcpu": r["cpus"]} for r in own.values()]
        + state.get("elsewhere", []),
        f"/nodes/{node}/lxc": list(own.values()),
        f"/nodes/{node}/storage": state["status"],
        "/storage": [{"storage": name, **values} for name, values in state["storages"].items()],
        "/cluster/backup": [{"id": name, **values} for name, values in state["jobs"].items()],
        "/access/domains": [{"realm": name, "type": r["type"]} for name, r in state["realms"].items()],
        "/access/roles": [{"roleid": name, "privs": privs} for name, privs in state["roles"].items()],
        "/access/groups": [{"groupid": name, **values} for name, values in state["groups"].items()],
        "/access/users": [{"userid": name} for name in state["users"]],
        "/access/acl": state["acl"],
    }
    tables |= {f"/nodes/{node}/lxc/{vmid}/config": {**c, "digest": "x"} for vmid, c in state["configs"].items()}
    tables |= {f"/access/domains/{name}": values for name, values in state["realms"].items()}
    tables |= {
        f"/access/users/{u}/token": [{"tokenid": t.split("!")[1]} for t in state["tokens"] if t.startswith(f"{u}!")]
        for u in state["users"]
    }
    path in tables or fail(f"No '{path}' resource", 2)
    print(json.dumps(tables[path]))


def pvesh(state, words):
    verb, path, *words = words
    job = {
        "id",
        "schedule",
        "storage",
        "mode",
        "compress",
        "prune-backups",
        "repeat-missed",
        "notes-template",
        "enabled",
        "all",
        "vmid",
        "delete",
    }
    _, given = parse(words, {"output-format", "type", "current"} if verb == "get" else job)
    if verb == "get":
        answer(state, path, given)
        return
    name = given.pop("id", path.rpartition("/")[2])
    given["prune-backups"] = dict(item.split("=") for item in given["prune-backups"].split(","))
    state["jobs"].setdefault(name, {}).update(given)


def pveam(state, words):
    match words:
        case ["available", "--section", "system"]:
            for name in state["available"]:
                print(f"{'system':15} {name:60} amd64")
        case ["list", storage]:
            print(f"{'NAME':60} {'SIZE':6}")
            for name in state["downloaded"]:
                print(f"{storage + ':vztmpl/' + name:60} 120.29MB")
        case ["download", _, name]:
            state["downloaded"].append(name)
        case ["update"]:
            state["available"] = state.get("after_update", [])
        case _:
            fail(f"unknown: {words}")


def pvesm(state, words):
    verb, *words = words
    rest, given = parse(words, {"server", "export", "content", "options", "prune-backups", "nodes", "path", "disable"})
    if verb == "add":
        state["storages"][rest[1]] = {"type": rest[0], **given}
    else:
        state["storages"][rest[0]].update(given)


def pveum(state, words):
    match words:
        case ["realm", "add", name, *rest]:
            state["realms"][name] = parse(rest, REALM)[1]
        case ["realm", "modify", name, *rest]:
            state["realms"][name].update(parse(rest, REALM)[1])
        case ["role", _, name, "--privs", privs]:
            state["roles"][name] = privs.replace(" ", ",")
        case ["group", "add", name, *rest]:
            state["groups"][name] = {"users": "", **parse(rest, {"comment"})[1]}
        case ["user", ("add" | "modify") as verb, name, *rest]:
            given = parse(rest, {"groups", "comment"} | ({"append"} if verb == "modify" else set()))[1]
            state["users"][name] = {}
            for group in filter(None, given.get("groups", "").split(",")):
                state["groups"][group]["users"] += f",{name}"
        case ["user", "token", "add", user, name, *rest]:
            parse(rest, {"privsep", "comment", "expire", "output-format"})
            f"{user}!{name}" in state["tokens"] and fail("token already exists")
            state["tokens"].append(f"{user}!{name}")
            print(
                json.dumps(
                    {"full-tokenid": f"{user}!{name}", "info": {}, "value": "11111111-2222-3333-4444-555555555555"}
                )
            )
        case ["user", "token", "remove", user, name]:
            full = f"{user}!{name}"
            state["tokens"].remove(full) if full in state["tokens"] else fail("no such token")
        case ["acl", "modify", path, *rest]:
            given = parse(rest, {"roles", "groups", "users", "tokens", "propagate"})[1]
            kind = next(k for k in ("groups", "users", "tokens") if k in given)
            entry = {"path": path, "type": kind[:-1], "ugid": given[kind], "roleid": given["roles"]}
            state["acl"].append({**entry, "propagate": int(given["propagate"])})
        case _:
            fail(f"unknown: {words}")


REALM = {"type", "issuer-url", "client-id", "username-claim", "autocreate", "scopes", "default", "comment"} | {
    "groups-claim",
    "groups-autocreate",
    "groups-overwrite",
}


def main():
    name, words = sys.argv[1], sys.argv[2:]
    if name == "hostname":
        print(json.loads(STATE.read_text())["node"])
        return
    with (STATE.parent / "lock").open("w") as lock:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(STATE.read_text())
        with (STATE.parent / "calls").open("a") as calls:
            calls.write(" ".join([name, *words]).split("\n")[0] + "\n")
        if name == "pvecm":
            print(f"Quorum information\nQuorate:          {state.get('quorate', 'Yes')}")
            return
        {"pct": pct, "pvesh": pvesh, "pveam": pveam, "pvesm": pvesm, "pveum": pveum}[name](state, words)
        STATE.write_text(json.dumps(state))


if __name__ == "__main__":
    main()
