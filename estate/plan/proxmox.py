"""What a Proxmox cluster shares: storages, backup jobs, realms, roles, users and access lists, declared against there.

What is not declared is left alone; nothing is removed.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from estate.models.host import HomelabHost, ProxmoxHost
from estate.models.proxmox import BackupJob, NfsStorage, OpenIdRealm, PveAccess, Storage
from estate.plan.change import Action, Change
from estate.plan.proxmox_state import PveState, Values
from estate.plan.step import Step, Words
from estate.render.pct import options, pairs


def leads(node: ProxmoxHost, state: PveState) -> bool:
    """Whether this node writes what is shared: the leader, or one that shares it with nobody."""
    return node.leads or state.alone


def _api(name: str, action: Action, why: Sequence[str], *commands: Words) -> Step:
    return Step(Change("api", f"proxmox {name}", action, tuple(why)), commands)


def _differing(wanted: Values, there: Values, sets: Sequence[str] = ()) -> dict[str, str]:
    """The wanted options that are others there; those in `sets` are lists whose order means nothing."""
    found = {}
    for key, value in wanted.items():
        now = there.get(key, "")
        same = pairs(value) == pairs(now) if key == "prune-backups" else value == now
        if key in sets:
            same = set(filter(None, value.split(","))) == set(filter(None, now.split(",")))
        if not same:
            found[key] = value
    return found


def _why(wanted: Values, there: Values) -> list[str]:
    return [f"{key} {there.get(key) or 'none'} to {value or 'none'}" for key, value in wanted.items()]


def storage_options(storage: Storage) -> dict[str, str]:
    """What can be set of a storage that is there."""
    found = {"content": ",".join(sorted(storage.content)), "nodes": ",".join(storage.nodes)}
    found |= {"prune-backups": storage.retention.text} if storage.retention else {}
    return found | ({"options": storage.options} if isinstance(storage, NfsStorage) else {})


def storage_identity(storage: Storage) -> dict[str, str]:
    """What is fixed once it is there."""
    if isinstance(storage, NfsStorage):
        return {"server": storage.server, "export": storage.export}
    return {"path": storage.path}


def storages(node: ProxmoxHost, state: PveState) -> Iterator[Step]:
    """Storages to add or to bring into line."""
    for storage in node.storages if leads(node, state) else ():
        wanted, there = storage_options(storage), state.storages.get(storage.name)
        if there is None:
            given = storage_identity(storage) | {key: value for key, value in wanted.items() if value}
            where = ":".join(storage_identity(storage).values())
            words = ("pvesm", "add", storage.kind, storage.name, *options(given))
            yield _api(f"storage {storage.name}", "create", [f"{storage.kind} {where}"], words)
            continue
        changed = _differing(wanted, there, sets=("content", "nodes"))
        changed |= {"disable": "0"} if there.get("disable", "0") == "1" else {}
        if changed:
            given = {key: value for key, value in changed.items() if value}
            gone = (
                ("--delete", ",".join(key for key in changed if key not in given)) if len(given) < len(changed) else ()
            )
            words = ("pvesm", "set", storage.name, *options(given), *gone)
            yield _api(f"storage {storage.name}", "update", _why(changed, there), words)


def inactive(node: ProxmoxHost, state: PveState) -> list[str]:
    """Declared storages that are there and cannot be used now: an NFS server that is gone."""
    status = state.storage_status
    return [s.name for s in node.storages if s.name in status and not status[s.name].active]


def _job(job: BackupJob, vmids: Mapping[str, int]) -> dict[str, str]:
    chosen = ",".join(str(vmids[name]) for name in job.hosts)
    return {
        "schedule": job.schedule,
        "storage": job.storage,
        "mode": job.mode,
        "compress": job.compress,
        "prune-backups": job.retention.text,
        "repeat-missed": str(int(job.repeat_missed)),
        "notes-template": job.notes,
        "enabled": str(int(job.enabled)),
        **({"vmid": chosen} if job.hosts else {"all": "1"}),
    }


def backup_jobs(node: ProxmoxHost, declared: Sequence[HomelabHost], state: PveState) -> Iterator[Step]:
    """Scheduled backups to add or to bring into line (facts/homelab-vps.md, 1.5)."""
    vmids = {host.name: host.vmid for host in declared}
    for job in node.backup_jobs if leads(node, state) else ():
        wanted, there = _job(job, vmids), state.jobs.get(job.name)
        if there is None:
            words = ("pvesh", "create", "/cluster/backup", "--id", job.name, *options(wanted))
            yield _api(f"backup job {job.name}", "create", [f"{job.schedule} to {job.storage}"], words)
            continue
        changed = _differing(wanted, {"repeat-missed": "0", "enabled": "1"} | dict(there), sets=("vmid",))
        other = "all" if job.hosts else "vmid"
        gone = ("--delete", other) if there.get(other, "0") not in ("0", "") else ()
        if changed or gone:
            words = ("pvesh", "set", f"/cluster/backup/{job.name}", *options(changed), *gone)
            yield _api(f"backup job {job.name}", "update", _why(changed, there) or [f"without {other}"], words)


def realm_options(realm: OpenIdRealm) -> dict[str, str]:
    """What can be set of a realm that is there; its client key goes another way (docs/decisions/0021)."""
    claims = {"groups-claim": realm.groups_claim, "groups-autocreate": "1", "groups-overwrite": "1"}
    return {
        "issuer-url": realm.issuer_url,
        "client-id": realm.client_id,
        "autocreate": str(int(realm.autocreate)),
        "scopes": realm.scopes,
        **(claims if realm.groups_claim else {}),
        **({"default": "1"} if realm.default else {}),
    }


def realms(node: ProxmoxHost, state: PveState) -> Iterator[Step]:
    """Realms to add or to bring into line, without their client keys."""
    for realm in node.realms if leads(node, state) else ():
        wanted, there = realm_options(realm), state.realms.get(realm.name)
        if there is None:
            given = {"type": "openid", **wanted, "username-claim": realm.username_claim}
            words = ("pveum", "realm", "add", realm.name, *options(given))
            yield _api(f"realm {realm.name}", "create", [realm.issuer_url], words)
        elif changed := _differing(wanted, {"autocreate": "0"} | dict(there)):
            words = ("pveum", "realm", "modify", realm.name, *options(changed))
            yield _api(f"realm {realm.name}", "update", _why(changed, there), words)


def realm_keys(node: ProxmoxHost, state: PveState, secrets: Mapping[str, str]) -> list[tuple[OpenIdRealm, Change]]:
    """Realms whose client key is not the declared secret; the node tells only its SHA-256."""
    found = []
    for realm in node.realms if leads(node, state) else ():
        there = state.realms.get(realm.name, {}).get("client-key", "")
        if there != sha256(secrets[realm.client_secret].encode()).hexdigest():
            why = "another value is declared" if there else "not set"
            found.append((realm, Change("api", f"proxmox realm {realm.name}: client key", "update", (why,))))
    return found


def _users(access: PveAccess, state: PveState) -> Iterator[Step]:
    for user in access.users:
        members = {group: values.get("users", "").split(",") for group, values in state.groups.items()}
        missing = [group for group in user.groups if user.name not in members.get(group, [])]
        if user.name not in state.users:
            given = {"groups": ",".join(user.groups), "comment": user.comment}
            filled = options({key: value for key, value in given.items() if value})
            yield _api(f"user {user.name}", "create", user.groups, ("pveum", "user", "add", user.name, *filled))
        elif missing:
            joins = ("--groups", ",".join(missing), "--append", "1")
            why = [f"joins {', '.join(missing)}"]
            yield _api(f"user {user.name}", "update", why, ("pveum", "user", "modify", user.name, *joins))


def access(node: ProxmoxHost, state: PveState) -> Iterator[Step]:
    """Roles, groups, users, tokens and access lists to add or to bring into line."""
    if not leads(node, state):
        return
    declared = node.access
    for role in declared.roles:
        there, privileges = state.roles.get(role.name), " ".join(role.privileges)
        verb: tuple[str, Action] = ("add", "create") if there is None else ("modify", "update")
        if there != frozenset(role.privileges):
            words = ("pveum", "role", verb[0], role.name, "--privs", privileges)
            yield _api(f"role {role.name}", verb[1], [privileges], words)
    for group in declared.groups:
        if group.name not in state.groups:
            comment = ("--comment", group.comment) if group.comment else ()
            yield _api(f"group {group.name}", "create", [], ("pveum", "group", "add", group.name, *comment))
    yield from _users(declared, state)
    yield from _tokens(declared, state)
    for acl in declared.acl:
        kind, name = acl.subject
        if (acl.path, kind, name, acl.role, acl.propagate) not in state.acl:
            given = options({"roles": acl.role, f"{kind}s": name, "propagate": str(int(acl.propagate))})
            why = [f"{acl.role} for {kind} {name}"]
            yield _api(f"access {acl.path}", "create", why, ("pveum", "acl", "modify", acl.path, *given))


def _tokens(declared: PveAccess, state: PveState) -> Iterator[Step]:
    for token in declared.tokens:
        # Cut off between the API's answer and the file: the value is lost, and nobody has it
        half_made = f".making-{token.full}" in state.kept_tokens
        if token.full not in state.tokens or half_made:
            given = {"privsep": str(int(token.privilege_separation))}
            given |= {"comment": token.comment} if token.comment else {}
            words = ("keep_token", token.user, token.name, *options(given))
            yield _api(f"token {token.full}", "create", ["its value stays on the node"], words)


def shared(node: ProxmoxHost, declared: Sequence[HomelabHost], state: PveState) -> list[Step]:
    """Everything of the above, in the order in which one needs the other."""
    return [*storages(node, state), *access(node, state), *realms(node, state), *backup_jobs(node, declared, state)]
