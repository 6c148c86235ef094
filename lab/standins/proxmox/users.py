"""/etc/pve/user.cfg: users, tokens, groups, roles, access lists; token secrets in priv/token.cfg."""

import hashlib
import hmac
import re
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import unquote

from lab.standins.proxmox.ctconf import encode
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

CONFIG = "user.cfg"
TOKENS = "priv/token.cfg"
INITIAL = "user:root@pam:1:0::::::\n"
BUILT_IN = ("Administrator", "NoAccess", "PVEAdmin", "PVEAuditor", "PVEDatastoreAdmin", "PVEDatastoreUser",
            "PVEMappingAdmin", "PVEMappingAuditor", "PVEMappingUser", "PVEPoolAdmin", "PVEPoolUser", "PVESDNAdmin",
            "PVESDNUser", "PVESysAdmin", "PVETemplateUser", "PVEUserAdmin", "PVEVMAdmin", "PVEVMUser")  # fmt: skip
_PRIVILEGES = """
    Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit Group.Allocate Mapping.Audit
    Mapping.Modify Mapping.Use Permissions.Modify Pool.Allocate Pool.Audit Realm.Allocate Realm.AllocateUser
    SDN.Allocate SDN.Audit SDN.Use Sys.AccessNetwork Sys.Audit Sys.Console Sys.Incoming Sys.Modify Sys.PowerMgmt
    Sys.Syslog User.Modify VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CDROM VM.Config.CPU VM.Config.Cloudinit
    VM.Config.Disk VM.Config.HWType VM.Config.Memory VM.Config.Network VM.Config.Options VM.Console
    VM.GuestAgent.Audit VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite
    VM.GuestAgent.Unrestricted VM.Migrate VM.PowerMgmt VM.Replicate VM.Snapshot VM.Snapshot.Rollback
"""
PRIVILEGES = tuple(_PRIVILEGES.split())
_USER_FIELDS = ("enable", "expire", "firstname", "lastname", "email", "comment", "keys")


@dataclass(frozen=True, order=True)
class Acl:
    """One entry of the access lists: `ugid` is a user, a token, or a group."""

    path: str
    kind: str
    ugid: str
    role: str
    propagate: int = field(default=1, compare=False)


@dataclass
class Users:
    """What the file says."""

    users: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    pools: dict[str, list[str]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    acl: list[Acl] = field(default_factory=list)

    def members(self, group: str) -> list[str]:
        """The users of a group."""
        return [user for user in self.groups[group]["users"].split(",") if user]

    def groups_of(self, user: str) -> list[str]:
        """The groups of a user."""
        return sorted(group for group in self.groups if user in self.members(group))


def parse(text: str) -> Users:
    """Read the file."""
    found = Users()
    for line in text.splitlines():
        kind, _, rest = line.partition(":")
        parts = rest.split(":")
        if kind == "user":
            values = dict(zip(_USER_FIELDS, parts[1:], strict=False))
            found.users[parts[0]] = values | {key: unquote(values.get(key, "")) for key in _USER_FIELDS[2:]}
        elif kind == "token":
            found.tokens[parts[0]] = {"expire": parts[1], "privsep": parts[2], "comment": unquote(parts[3])}
        elif kind == "group":
            found.groups[parts[0]] = {"users": parts[1], "comment": unquote(parts[2])}
        elif kind == "pool":
            found.pools[parts[0]] = parts[1:]
        elif kind == "role":
            found.roles[parts[0]] = parts[1]
        elif kind == "acl":
            found.acl += _entries(parts)
    return found


def _entries(parts: list[str]) -> list[Acl]:
    found = []
    for who in parts[2].split(","):
        kind = "group" if who.startswith("@") else "token" if "!" in who else "user"
        found += [Acl(parts[1], kind, who.lstrip("@"), role, int(parts[0])) for role in parts[3].split(",")]
    return found


def render(found: Users) -> str:
    """The file's text."""
    lines: list[str] = []
    for user, values in sorted(found.users.items()):
        texts = [encode(values.get(key, "")) if key in {"firstname", "lastname", "comment"} else values.get(key, "")
                 for key in _USER_FIELDS]  # fmt: skip
        lines.append(f"user:{user}:{':'.join(texts)}:")
        for token, settings in sorted(found.tokens.items()):
            if token.startswith(f"{user}!"):
                comment = encode(settings["comment"])
                lines.append(f"token:{token}:{settings['expire']}:{settings['privsep']}:{comment}:")
    lines += ["", *(f"group:{name}:{v['users']}:{encode(v['comment'])}:" for name, v in sorted(found.groups.items()))]
    lines += ["", *(f"pool:{name}:{':'.join(parts)}" for name, parts in sorted(found.pools.items()))]
    lines += ["", *(f"role:{name}:{privs}:" for name, privs in sorted(found.roles.items())), ""]
    for one in sorted(found.acl):
        who = f"@{one.ugid}" if one.kind == "group" else one.ugid
        lines.append(f"acl:{one.propagate}:{one.path}:{who}:{one.role}:")
    return "\n".join(lines) + "\n"


def load(node: Node) -> Users:
    """The cluster's users."""
    return parse(node.read(CONFIG) or INITIAL)


def save(node: Node, found: Users) -> None:
    """Write them; the caller holds the file."""
    node.write(CONFIG, render(found))


def forget_guest(node: Node, vmid: int) -> None:
    """Drop the access lists of a container that is gone."""
    found = load(node)
    kept = [one for one in found.acl if one.path != f"/vms/{vmid}"]
    if kept != found.acl:
        with node.cfs_lock(CONFIG):
            found.acl = kept
            save(node, found)


def check_privileges(text: str) -> str:
    """Privileges as the file has them. Raises PveError for one that there is not."""
    names = sorted(set(filter(None, re.split(r"[,; ]+", text))))
    for name in names:
        if name not in PRIVILEGES:
            raise PveError(f"invalid privilege '{name}'")
    return ",".join(names)


def add_token(node: Node, token: str) -> str:
    """Make a token's secret, which is told once; only its digest is kept."""
    value = str(uuid.uuid4())
    kept = [line for line in node.read(TOKENS).splitlines() if line.split()[0] != token]
    node.write(TOKENS, "".join(f"{line}\n" for line in [*kept, f"{token} {_digest(value)}"]))
    return value


def drop_token(node: Node, token: str) -> None:
    """Forget a token's secret."""
    kept = [line for line in node.read(TOKENS).splitlines() if line.split()[0] != token]
    node.write(TOKENS, "".join(f"{line}\n" for line in kept))


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def authorised(node: Node, header: str) -> bool:
    """Whether `PVEAPIToken=USER@REALM!NAME=SECRET` is a token that lives, of a user that may do everything."""
    named = re.fullmatch(r"PVEAPIToken[= ](\S+?!\S+?)[=:](\S+)", header)
    found = load(node)
    if not named or named[1] not in found.tokens:
        return False
    settings = found.tokens[named[1]]
    user = found.users.get(named[1].partition("!")[0], {})
    ends = [int(one) for one in (settings["expire"], user.get("expire", "0")) if int(one or 0)]
    if user.get("enable") != "1" or any(end <= time.time() for end in ends):
        return False
    secrets = dict(line.split() for line in node.read(TOKENS).splitlines())
    return hmac.compare_digest(secrets.get(named[1], ""), _digest(named[2])) and _may(found, named[1], settings)


def _may(found: Users, token: str, settings: dict[str, str]) -> bool:
    if settings["privsep"] == "0":
        user = token.partition("!")[0]
        return user == "root@pam" or _administers(found, "user", user)
    return _administers(found, "token", token)


def _administers(found: Users, kind: str, ugid: str) -> bool:
    return any(one.path == "/" and (one.kind, one.ugid, one.role) == (kind, ugid, "Administrator") for one in found.acl)
