"""Users and groups, as declared: Debian's system users stay, every other undeclared one goes."""

import grp
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .shell import read_json, run, say, write_json

STATE = Path("/var/lib/nixos/users.json")
NORMAL = range(1000, 60000)


def apply(generation: Mapping[str, Any]) -> None:
    """Create, change and remove users and groups; ids once given to a name are kept for it."""
    state = read_json(STATE, {"users": {}, "groups": {}, "declared": []})
    users, groups = generation["users"], generation["groups"]
    for name, group in groups.items():
        _group(name, group["gid"] if group["gid"] is not None else state["groups"].get(name))
        state["groups"][name] = grp.getgrnam(name).gr_gid
    fresh = [name for name, user in users.items() if _user(name, user, state["users"].get(name))]
    gone = {u.pw_name for u in pwd.getpwall() if u.pw_uid in NORMAL} if not generation["mutableUsers"] else set()
    for name in sorted((gone | set(state["declared"])) - set(users)):
        run("userdel", "--force", name, check=False)
    for name, group in groups.items():
        if sorted(grp.getgrnam(name).gr_mem) != sorted(group["members"]):
            run("gpasswd", "--members", ",".join(group["members"]), name)
    for name, user in users.items():
        state["users"][name] = pwd.getpwnam(name).pw_uid
        _home(name, user)
        if name in fresh or not generation["mutableUsers"]:
            _password(name, user["hashedPasswordFile"])
    write_json(STATE, state | {"declared": sorted(users)})


def _group(name: str, gid: int | None) -> None:
    try:
        found = grp.getgrnam(name)
    except KeyError:
        run("groupadd", *(["--gid", str(gid)] if gid is not None else ["--system"]), name)
        return
    if gid is not None and found.gr_gid != gid:
        say(f"warning: not applying GID change of group '{name}' ({found.gr_gid} -> {gid})")


def _user(name: str, user: Mapping[str, Any], known: int | None) -> bool:
    """Make the user as declared; whether there was none of this name."""
    uid = user["uid"] if user["uid"] is not None else known
    common = ["--gid", user["group"], "--home-dir", user["home"], "--shell", user["shell"]]
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        kind = ["--uid", str(uid)] if uid is not None else [] if user["isNormalUser"] else ["--system"]
        run("useradd", "--no-create-home", "--no-user-group", *kind, *common, name)
        return True
    if uid is not None and found.pw_uid != uid:
        say(f"warning: not applying UID change of user '{name}' ({found.pw_uid} -> {uid})")
    _change(name, user, found)
    return False


def _change(name: str, user: Mapping[str, Any], found: pwd.struct_passwd) -> None:
    pairs = (
        ("--gid", user["group"], found.pw_gid == grp.getgrnam(user["group"]).gr_gid),
        ("--home", user["home"], found.pw_dir == user["home"]),
        ("--shell", user["shell"], found.pw_shell == user["shell"]),
    )
    changed = [word for option, value, same in pairs if not same for word in (option, value)]
    if changed:
        run("usermod", *changed, name)


def _home(name: str, user: Mapping[str, Any]) -> None:
    home = Path(user["home"])
    if user["createHome"] and not home.exists():
        home.mkdir(parents=True, mode=0o700)
        run("chown", f"{name}:{user['group']}", str(home))


def _password(name: str, file: str | None) -> None:
    """Set the hash that the file has, or none: then only keys get in. The hash goes through a pipe."""
    digest = "!"
    if file is not None:
        try:
            digest = Path(file).read_text().strip() or "!"
        except FileNotFoundError:
            say(f"warning: password file '{file}' does not exist")
    run("chpasswd", "--encrypted", stdin=f"{name}:{digest}\n")
