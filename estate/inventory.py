"""An inventory and its group_data, validated once into frozen models, before any connection."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_state
from pyinfra_cli.inventory import make_inventory_from_files

from estate import neighbours
from estate.checks import edge as edge_checks
from estate.checks import host as host_checks
from estate.checks import proxmox as proxmox_checks
from estate.checks import ssh as ssh_checks
from estate.checks import sso as sso_checks
from estate.checks import stack as stack_checks
from estate.checks import vps as vps_checks
from estate.edge.keys import Keys, keys_path, load_keys
from estate.models.edge import Mesh
from estate.models.faults import EstateFaults, Fault, did_you_mean, faults_of
from estate.models.host import GROUPS, EdgeHost, Host, StackHost, VpsHost
from estate.models.service import Service
from estate.models.stack import Stack
from estate.render.templates import ROOT
from estate.routes import public_routes, with_routes
from estate.services import CATALOG
from estate.services.overrides import overridden

_loading: list[str] = []


@dataclass(frozen=True)
class Ssh:
    """How a host is reached: what pyinfra's SSH connector was told."""

    hostname: str
    user: str
    port: int
    key: str
    known_hosts: str


@dataclass(frozen=True)
class Estate:
    """A whole estate: every host of an inventory, valid; the stacks of those that have one."""

    path: Path
    hosts: Mapping[str, Host]
    stacks: Mapping[str, Stack]
    ssh: Mapping[str, Ssh]

    keys: Keys = field(default_factory=Keys)
    """The public keys of the mesh, as far as its nodes are known."""

    @property
    def name(self) -> str:
        """The inventory's name: "prod", "lab"."""
        return self.path.stem

    @property
    def file(self) -> str:
        """The inventory file as one would type it: from here, where that is shorter."""
        return str(self.path.relative_to(Path.cwd()) if self.path.is_relative_to(Path.cwd()) else self.path)

    @property
    def mesh(self) -> Mesh | None:
        """The edge fleet, if the estate has one."""
        return next((host.mesh for host in self.hosts.values() if isinstance(host, EdgeHost)), None)

    def select(self, limit: tuple[str, ...]) -> dict[str, Host]:
        """The hosts that any of the names or groups matches; all of them without a limit.

        Raises EstateFaults for a word that matches nothing.
        """
        words = {host.group for host in self.hosts.values()} | set(self.hosts)
        faults = [
            Fault(f"--limit {word}", "matches no host", did_you_mean(word, words))
            for word in limit
            if word not in words
        ]
        if faults:
            raise EstateFaults(faults)
        return {n: h for n, h in self.hosts.items() if not limit or n in limit or h.group in limit}


@contextmanager
def _working_directory(path: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


def _read(path: Path) -> Inventory:
    if not path.is_file():
        choices = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "inventories").glob("*.py"))
        raise EstateFaults([Fault(str(path), "no such inventory", f"choose one of {', '.join(choices)}")])
    # pyinfra's loader notes the file being executed in the current state; outside its CLI there is none
    with _working_directory(ROOT), ctx_state.use(ctx_state.get() if ctx_state.isset() else State()):
        inventory: Inventory = make_inventory_from_files(str(path), cwd=str(ROOT))
        return inventory


def _connector_key(key: str) -> bool:
    return key.startswith(("ssh_", "_"))


def _origin(inventory: Inventory, host_name: str, groups: list[str], key: str, path: Path) -> str:
    """Where a value was written, as a path for a reader."""
    if key in inventory.get_host_data(host_name):
        return f"inventories/{path.stem}/{host_name}"
    for group in reversed(groups):
        if key in inventory.get_group_data(group):
            return f"group_data/{group}"
    return "group_data/all" if key in inventory.get_data() else f"group_data/{groups[0]}"


def _merged(inventory: Inventory, name: str) -> dict[str, Any]:
    """The host's data in pyinfra's order: of all hosts, of its groups, its own."""
    groups = inventory.get_host(name).groups
    return {**inventory.get_data(), **inventory.get_groups_data(groups), **inventory.get_host_data(name)}


def _validate_host(inventory: Inventory, name: str, path: Path) -> tuple[Host | None, list[Fault]]:
    host = inventory.get_host(name)
    groups = [group for group in host.groups if group in GROUPS]
    where = f"inventories/{path.stem}/{name}"
    if len(groups) != 1:
        remedy = f"put it in exactly one of {', '.join(GROUPS)}"
        return None, [Fault(where, f"is in {len(groups)} of the known groups", remedy)]
    model = GROUPS[groups[0]]
    all_groups = ["all", *host.groups]
    merged = _merged(inventory, name)
    values = {key: value for key, value in merged.items() if not _connector_key(key)}
    values |= {"name": name, "group": groups[0], "address": merged.get("ssh_hostname", name)}
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        faults = []
        for item in faults_of(error, "", tuple(model.model_fields)):
            key = item.path.split("/")[1]
            faults.append(Fault(_origin(inventory, name, all_groups, key, path) + item.path, item.fault, item.remedy))
        return None, faults


def resolve_stack(host: StackHost, where: str) -> tuple[Stack | None, list[Fault]]:
    """The host's services from the catalog, with the images and limits that the host overrides."""
    if host.stack is None:
        remedy = "say project, root, domain, network and subnet of its compose project"
        return None, [Fault(f"group_data/{host.group}/stack", f"missing, and {host.name} has services", remedy)]
    faults, services = [], []
    for name in host.services:
        if name not in CATALOG:
            faults.append(Fault(f"{where}/services/{name}", "no such service", did_you_mean(name, CATALOG)))
            continue
        service, found = overridden(CATALOG[name], host, where)
        services.append(service)
        faults += found
    for key, names in (("images", host.images), ("limits", host.limits)):
        unknown = (name for name in names if name not in host.services)
        faults += [
            Fault(f"{where}/{key}/{name}", "no such service here", did_you_mean(name, host.services))
            for name in unknown
        ]
    if faults:
        return None, faults
    return Stack(settings=host.stack, services=_unique(services)), []


def _mesh(hosts: Mapping[str, Host], estate: str) -> tuple[Keys, list[Fault]]:
    """The pinned keys of the mesh, and what is wrong with the fleet."""
    nodes = [host for host in hosts.values() if isinstance(host, EdgeHost)]
    if not nodes:
        return Keys(), []
    try:
        keys = load_keys(keys_path(estate))
    except EstateFaults as error:
        return Keys(), list(error.faults)
    return keys, edge_checks.check(nodes[0].mesh, keys, "group_data/edge/mesh", nodes[0].admin_keys)


def _unique(services: list[Service]) -> tuple[Service, ...]:
    return tuple({service.name: service for service in services}.values())


@cache
def load(path: Path) -> Estate:
    """The estate that an inventory file declares.

    Raises EstateFaults with every fault of every host at once.
    """
    path = path.resolve()
    _loading.append(str(path))
    try:
        inventory = _read(path)
    finally:
        _loading.pop()
    hosts: dict[str, Host] = {}
    stacks: dict[str, Stack] = {}
    ssh: dict[str, Ssh] = {}
    faults: list[Fault] = []
    where: dict[str, str] = {}
    for name in inventory.hosts:
        host, found = _validate_host(inventory, name, path)
        faults += found
        if host is None:
            continue
        hosts[name] = host
        data = _merged(inventory, name)
        ssh[name] = Ssh(
            hostname=host.address,
            user=data.get("ssh_user", "root"),
            port=int(data.get("ssh_port", host.sshd_port)),
            key=str(Path(data["ssh_key"]).expanduser()) if data.get("ssh_key") else "",
            known_hosts=str(Path(data.get("ssh_known_hosts_file", "~/.ssh/known_hosts")).expanduser()),
        )
        if isinstance(host, StackHost) and host.has_stack:
            where[name] = _origin(inventory, name, ["all", *inventory.get_host(name).groups], "services", path)
            stack, found = resolve_stack(host, where[name])
            faults += found
            if stack is not None:
                stacks[name] = stack
                faults += stack_checks.check(host, stack, where[name])
                faults += vps_checks.check(host, stack, where[name]) if isinstance(host, VpsHost) else []
    routes = public_routes(hosts, stacks)
    stacks = with_routes(stacks, routes)
    faults += routes.faults
    keys, found = _mesh(hosts, path.stem)
    faults += found
    faults += [*stack_checks.across(stacks, where), *neighbours.check(hosts, stacks, where)]
    faults += [*host_checks.check(hosts), *proxmox_checks.check(hosts, stacks, path.stem)]
    faults += sso_checks.check_estate(hosts, stacks)
    faults += ssh_checks.check(hosts)
    if faults:
        # What is wrong with a group is wrong with each of its hosts
        raise EstateFaults(list(dict.fromkeys(faults)))
    return Estate(path, *neighbours.introduce(hosts, stacks), ssh, keys)


def validate(inventory_file: str) -> None:
    """Last line of an inventory file: stops pyinfra with all faults before it connects to anything."""
    path = Path(inventory_file).resolve()
    if str(path) in _loading:
        return
    # Here, as the guard knows what an estate is
    from estate.run.guard import install, refuse_early

    try:
        install(load(path))
    except EstateFaults as error:
        refuse_early(error.faults)
        raise PyinfraError(str(error)) from None


def current(pyinfra_inventory: Inventory) -> Estate:
    """The estate of the running deploy, which `validate` has loaded already."""
    names = set(pyinfra_inventory.hosts)
    for path in (ROOT / "inventories").glob("*.py"):
        if path.stem in pyinfra_inventory.groups:
            estate = load(path.resolve())
            if set(estate.hosts) == names:
                return estate
    raise PyinfraError("deploy.py needs an inventory of inventories/: its hosts' data are validated there")
