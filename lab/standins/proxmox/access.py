"""The methods below /access: `pveum user|group|role|acl|user token`; realms are in realms.py."""

import re
from typing import Any

from lab.standins.proxmox import realms, users
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.users import Acl, Users

_ACL_PATH = re.compile(
    r"/|/access(/(groups|realm)(/[^/]+)?)?|/nodes(/[^/]+)?|/pool(/[^/]+)*|/sdn(/.*)?|/storage(/[^/]+)?|/vms(/\d{3,})?"
    r"|/mapping(/.*)?"
)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,; ]+", text) if word]


def user_rows(node: Node, full: bool = False) -> list[dict[str, Any]]:
    """Every user."""
    found = users.load(node)
    return [{"userid": name, **_user(found, name, full), "realm-type": name.partition("@")[2]} for name in found.users]


def _user(found: Users, name: str, full: bool) -> dict[str, Any]:
    values = found.users[name]
    row: dict[str, Any] = {"enable": int(values.get("enable") or 0), "expire": int(values.get("expire") or 0)}
    row |= {key: values[key] for key in ("firstname", "lastname", "email", "comment", "keys") if values.get(key)}
    if full:
        row["groups"] = found.groups_of(name)
        row["tokens"] = {row["tokenid"]: row for row in _tokens(found, name)}
    return row


def user_get(node: Node, name: str) -> dict[str, Any]:
    """One user, with groups and tokens. Raises PveError."""
    found = users.load(node)
    _need_user(found, name)
    return _user(found, name, full=True)


def _need_user(found: Users, name: str) -> None:
    if name not in found.users:
        raise PveError(f"no such user ('{name}')")


def user_write(node: Node, values: dict[str, Any], new: bool) -> None:
    """Make a user, or change one. Raises PveError."""
    name, groups, append = values.pop("userid"), values.pop("groups", None), values.pop("append", 0)
    if values.pop("password", None) and not name.endswith("@pve"):
        raise PveError("can't change password on auth type of this realm")
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        if new and name in found.users:
            raise PveError(f"create user failed: user '{name}' already exists")
        if new and name.partition("@")[2] not in realms.load(node):
            raise PveError(f"create user failed: domain '{name.partition('@')[2]}' does not exist")
        if not new and name not in found.users:
            raise PveError(f"update user failed: no such user ('{name}')")
        settings = found.users.setdefault(name, {"enable": "1", "expire": "0"})
        settings |= {key: str(value) for key, value in values.items()}
        if groups is not None:
            _regroup(found, name, _words(groups), bool(append))
        users.save(node, found)


def _regroup(found: Users, user: str, wanted: list[str], append: bool) -> None:
    for group in wanted:
        if group not in found.groups:
            raise PveError(f"no such group '{group}'")
    for group in found.groups:
        there = set(found.members(group)) - ({user} if not append else set())
        found.groups[group]["users"] = ",".join(sorted(there | ({user} if group in wanted else set())))


def user_delete(node: Node, name: str) -> None:
    """Delete a user with its tokens and access. Raises PveError."""
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        if name not in found.users or name == "root@pam":
            raise PveError(f"delete user failed: no such user ('{name}')")
        del found.users[name]
        _regroup(found, name, [], append=False)
        for token in [token for token in found.tokens if token.startswith(f"{name}!")]:
            del found.tokens[token]
            users.drop_token(node, token)
        found.acl = [one for one in found.acl if one.ugid.partition("!")[0] != name]
        users.save(node, found)


def group_rows(node: Node) -> list[dict[str, Any]]:
    """Every group."""
    found = users.load(node).groups
    return [
        {"groupid": name, "users": values["users"], **({"comment": values["comment"]} if values["comment"] else {})}
        for name, values in found.items()
    ]


def group_write(node: Node, values: dict[str, Any], new: bool) -> None:
    """Make a group, or change its comment. Raises PveError."""
    name = values["groupid"]
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        if new == (name in found.groups):
            raise PveError(f"group '{name}' {'already exists' if new else 'does not exist'}")
        group = found.groups.setdefault(name, {"users": "", "comment": ""})
        group["comment"] = values.get("comment", group["comment"])
        users.save(node, found)


def group_delete(node: Node, name: str) -> None:
    """Delete a group with its access. Raises PveError."""
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        if found.groups.pop(name, None) is None:
            raise PveError(f"delete group failed: group '{name}' does not exist")
        found.acl = [one for one in found.acl if (one.kind, one.ugid) != ("group", name)]
        users.save(node, found)


def role_rows(node: Node) -> list[dict[str, Any]]:
    """Every role; what the built-in ones may is not told here (Administrator's: everything)."""
    own = users.load(node).roles
    every = {"Administrator": ",".join(sorted(users.PRIVILEGES))}
    rows = [{"roleid": name, "special": 1, "privs": every.get(name, "")} for name in users.BUILT_IN]
    return rows + [{"roleid": name, "special": 0, "privs": privs} for name, privs in own.items()]


def role_write(node: Node, values: dict[str, Any], new: bool) -> None:
    """Make a role, or change its privileges. Raises PveError."""
    name = values["roleid"]
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        if new and (name in found.roles or name in users.BUILT_IN):
            raise PveError(f"create role failed: role '{name}' already exists")
        if not new and name not in found.roles:
            fault = "is built in and cannot be modified" if name in users.BUILT_IN else "does not exist"
            raise PveError(f"modify role failed: role '{name}' {fault}")
        before = found.roles.get(name, "") if values.get("append") else ""
        found.roles[name] = users.check_privileges(f"{before},{values.get('privs', '')}")
        users.save(node, found)


def role_delete(node: Node, name: str) -> None:
    """Delete a role with its access. Raises PveError."""
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        if found.roles.pop(name, None) is None:
            raise PveError(f"role '{name}' does not exist")
        found.acl = [one for one in found.acl if one.role != name]
        users.save(node, found)


def acl_rows(node: Node) -> list[dict[str, Any]]:
    """Every entry of the access lists."""
    return [
        {"path": one.path, "type": one.kind, "ugid": one.ugid, "roleid": one.role, "propagate": one.propagate}
        for one in users.load(node).acl
    ]


def acl_write(node: Node, values: dict[str, Any], delete: bool) -> None:
    """Add entries, or take them away. Raises PveError."""
    path = values["path"]
    if not _ACL_PATH.fullmatch(path):
        raise ParamError({"path": f"invalid ACL path '{path}'"})
    if not any(key in values for key in ("users", "groups", "tokens")):
        raise ParamError(
            dict.fromkeys(("users", "groups", "tokens"), "either 'users', 'groups' or 'tokens' is required.")
        )
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        for role in _words(values["roles"]):
            if role not in found.roles and role not in users.BUILT_IN:
                raise PveError(f"role '{role}' does not exist")
            for kind, known in (("user", found.users), ("group", found.groups), ("token", found.tokens)):
                for ugid in _words(values.get(f"{kind}s", "")):
                    if ugid not in known:
                        raise PveError(f"{kind} '{ugid}' does not exist")
                    entry = Acl(path, kind, ugid, role, int(values.get("propagate", 1)))
                    found.acl = [one for one in found.acl if one != entry]
                    found.acl += [] if delete else [entry]
        users.save(node, found)


def _tokens(found: Users, user: str) -> list[dict[str, Any]]:
    rows = []
    for name, values in found.tokens.items():
        if name.startswith(f"{user}!"):
            row: dict[str, Any] = {"tokenid": name.partition("!")[2], "privsep": int(values["privsep"])}
            rows.append(
                row | {"expire": int(values["expire"])} | ({"comment": values["comment"]} if values["comment"] else {})
            )
    return rows


def token_rows(node: Node, user: str) -> list[dict[str, Any]]:
    """The tokens of a user. Raises PveError."""
    found = users.load(node)
    _need_user(found, user)
    return _tokens(found, user)


def token_add(node: Node, values: dict[str, Any]) -> dict[str, Any]:
    """Make a token; its secret is told this once. Raises PveError."""
    user, name = values["userid"], values["tokenid"]
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        _need_user(found, user)
        if f"{user}!{name}" in found.tokens:
            raise ParamError({"tokenid": "Token already exists."})
        settings = {"expire": str(values.get("expire", 0)), "privsep": str(values.get("privsep", 1))}
        found.tokens[f"{user}!{name}"] = settings | {"comment": values.get("comment", "")}
        users.save(node, found)
        value = users.add_token(node, f"{user}!{name}")
    info = {key: values[key] for key in ("expire", "comment") if key in values}
    return {"full-tokenid": f"{user}!{name}", "info": {**info, "privsep": settings["privsep"]}, "value": value}


def token_delete(node: Node, user: str, name: str) -> None:
    """Delete a token. Raises PveError."""
    with node.cfs_lock(users.CONFIG):
        found = users.load(node)
        _need_user(found, user)
        if found.tokens.pop(f"{user}!{name}", None) is None:
            raise PveError(f"no such token '{name}' for user '{user}'")
        found.acl = [one for one in found.acl if one.ugid != f"{user}!{name}"]
        users.save(node, found)
        users.drop_token(node, f"{user}!{name}")
