"""First boot of a node: from the provider's Debian to NixOS in the mesh, its public key read and pinned."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from estate.edge.keys import Keys, keys_path, load_keys, save_keys
from estate.inventory import Estate, Ssh
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults, Fault
from estate.models.host import EdgeHost
from estate.remote import run_as_root
from estate.render.edge import SIGNING_KEY
from estate.render.first_boot import first_boot_script
from estate.render.nixos import nixos_tree
from estate.render.shell import PATH
from estate.rollout.build import pack

REBOOT = 900
"""Seconds that turning a machine into a NixOS node may take, its reboot included."""
System = Literal["nixos", "debian"]
Say = Callable[[str, str], None]
"""Told of a node's progress: its name, and what happens."""

_LOOK = f"""export {PATH}
. /etc/os-release
printf '%s\\n' "$ID"
wg show wg0 public-key 2>/dev/null || echo -
cat {SIGNING_KEY}.pub 2>/dev/null || echo -
"""


@dataclass(frozen=True)
class Seen:
    """What a machine is: its system, its WireGuard key and, on the hub, its signing key; empty when it has none."""

    system: str
    key: str
    cache: str


def public_ssh(estate: Estate, node: Node, fresh: bool) -> Ssh:
    """How a node is reached before it is in the mesh.

    + fresh: as the provider made it, with the provider's login
    """
    mesh = _mesh(estate)
    ssh = replace(estate.ssh[node.name], hostname=node.address or mesh.public_name(node), port=22)
    return replace(ssh, user=mesh.first_login) if fresh else ssh


def _mesh(estate: Estate) -> Mesh:
    mesh = estate.mesh
    assert mesh is not None  # noqa: S101 - callers have an edge host
    return mesh


def look(name: str, ssh: Ssh) -> Seen:
    """What the machine is. Raises EstateFaults when it cannot be reached."""
    outcome = run_as_root(name, ssh, _LOOK, timeout=40, wait=8)
    if outcome.code != 0:
        raise EstateFaults([Fault(name, f"cannot be looked at: {outcome.stderr.strip()[-300:]}", "log in there")])
    system, key, cache = (line.strip().removeprefix("-") for line in outcome.stdout.splitlines()[-3:])
    return Seen(system, key, cache)


def find(estate: Estate, node: Node) -> tuple[Seen, Ssh]:
    """The node by whichever way it answers: the mesh, or its public address. Raises EstateFaults with all of them."""
    ways = (estate.ssh[node.name], public_ssh(estate, node, fresh=False), public_ssh(estate, node, fresh=True))
    faults: list[Fault] = []
    for ssh in dict.fromkeys(ways):
        try:
            return look(node.name, ssh), ssh
        except EstateFaults as error:
            faults += [replace(fault, path=f"{node.name} ({ssh.user}@{ssh.hostname})") for fault in error.faults]
    raise EstateFaults(faults)


def _convert(estate: Estate, node: Node, keys: Keys, ssh: Ssh, say: Say) -> Seen:
    """Run the conversion on a fresh Debian and wait for the NixOS that it becomes. Raises EstateFaults."""
    host = estate.hosts[node.name]
    assert isinstance(host, EdgeHost)  # noqa: S101
    say(node.name, "converting to NixOS")
    files = nixos_tree(host, host.mesh, node, keys, first_boot=True)
    put = "umask 022; mkdir -p /etc/nixos && base64 -d | tar -xzf - -C /etc/nixos"
    outcome = run_as_root(node.name, ssh, put, stdin=pack(files))
    if outcome.code == 0:
        outcome = run_as_root(node.name, ssh, first_boot_script(host.mesh), timeout=REBOOT)
    if outcome.code != 0:
        said = outcome.stderr.strip()[-1500:] or outcome.stdout.strip()[-500:]
        raise EstateFaults([Fault(f"{node.name}/first boot", said, "mend it there and run this again")])
    say(node.name, "waiting for its reboot")
    return _await_nixos(estate, node)


def _await_nixos(estate: Estate, node: Node) -> Seen:
    """Wait until the node answers as NixOS with its keys. Raises EstateFaults when it does not in time."""
    end = time.monotonic() + REBOOT
    last = "no answer"
    while time.monotonic() < end:
        try:
            seen, _ = find(estate, node)
            if seen.system == "nixos" and seen.key and (seen.cache or node.role == "spoke"):
                return seen
            last = f"it is {seen.system}, without its keys yet"
        except EstateFaults as error:
            last = error.faults[-1].fault
        time.sleep(2)
    raise EstateFaults([Fault(f"{node.name}/first boot", f"not NixOS after {REBOOT} s: {last}", "see its console")])


def install(estate: Estate, nodes: list[Node], say: Say) -> Keys:
    """Make nodes of these machines, all at once; returns the keys, which are pinned by then.

    Safe to repeat: a node that is one already only has its key compared. Raises EstateFaults with the faults of all;
    the keys of those that went well are kept.
    """
    path = keys_path(estate.name)
    before = load_keys(path)
    keys, faults = before, []

    def one(node: Node) -> tuple[Node, Seen | EstateFaults]:
        try:
            seen, ssh = find(estate, node)
            if seen.system != "nixos":
                seen = _convert(estate, node, before, ssh, say)
            return node, seen
        except EstateFaults as error:
            return node, error

    with ThreadPoolExecutor(max_workers=16) as pool:
        for node, seen in pool.map(one, nodes):
            if isinstance(seen, EstateFaults):
                faults += seen.faults
                say(node.name, "failed")
                continue
            keys = keys.with_node(node.name, seen.key)
            if node.role == "hub":
                keys = keys.with_cache(seen.cache)
            say(node.name, "is a node" if before.nodes.get(node.name) == seen.key else "is a node, its key is new")
    if keys != before:
        save_keys(path, keys)
    if faults:
        raise EstateFaults(faults)
    return keys
