"""A Proxmox node's files: package repositories, and the firewall of cluster, node and containers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from estate.models.desired import Desired, Directory, File, Guard, Handler, Node, Tree
from estate.models.host import HomelabHost, Host, ProxmoxHost
from estate.models.host_parts import OpenPort
from estate.models.proxmox import PveFirewall, PveRule
from estate.models.stack import Stack
from estate.render.firewall import own_ports, published_ports, resolved
from estate.render.templates import render, verbatim

TASK, FIREWALL = "proxmox", "proxmox_firewall"
STAGE = "/etc/estate/proxmox"
"""Where the firewall's files lie as declared; the node's own script puts them below /etc/pve, which is no file system
to sync to (no chmod, no chown, read-only without a quorum: pve-docs, pmxcfs.adoc)."""
SCRIPT = "/usr/local/sbin/estate-pve-firewall"
TOKENS = "/var/lib/estate/proxmox-tokens"
"""Where the node keeps the values of API tokens, a file a token, mode 0600: the API shows a value only once."""

_RELOAD = "apt-get -qq -o DPkg::Lock::Timeout=120 update"


@dataclass(frozen=True)
class Guest:
    """A container and what runs in it."""

    host: HomelabHost
    stack: Stack | None = None


def containers_of(hosts: Mapping[str, Host]) -> tuple[HomelabHost, ...]:
    """Every declared container, in the order in which they start."""
    found = [host for host in hosts.values() if isinstance(host, HomelabHost)]
    return tuple(sorted(found, key=lambda host: (host.start.order is None, host.start.order or 0, host.vmid)))


def guests_of(hosts: Mapping[str, Host], stacks: Mapping[str, Stack], node: Host) -> tuple[Guest, ...]:
    """The containers that are declared for a node; none for what is no node."""
    if not isinstance(node, ProxmoxHost):
        return ()
    return tuple(Guest(host, stacks.get(host.name)) for host in containers_of(hosts) if host.node == node.name)


def _rule(rule: PveRule) -> str:
    words = [f"IN {rule.macro}(ACCEPT)" if rule.macro else "IN ACCEPT"]
    words += [f"-source {rule.source}"] if rule.source else []
    words += [f"-p {rule.protocol}"] if rule.protocol else []
    words += [f"-dport {rule.port}"] if rule.port else []
    return " ".join([*words, "-log nolog", *([f"# {rule.purpose}"] if rule.purpose else [])])


def _port_rules(ports: Iterable[OpenPort]) -> list[str]:
    rules = (PveRule(protocol=p.protocol, port=p.port, source=p.source, purpose=p.purpose) for p in ports)
    return list(dict.fromkeys(_rule(rule) for rule in rules))


def cluster_fw(firewall: PveFirewall) -> str:
    """The cluster's file. The management set stands before the switch: one write brings both."""
    return render(
        "proxmox/cluster.fw.j2",
        management=firewall.management,
        enabled=firewall.enabled,
        rules=[_rule(rule) for rule in firewall.rules],
    )


def host_fw(node: ProxmoxHost) -> str:
    """A node's file: its declared ports, and what its own tasks answer at."""
    return render("proxmox/guest.fw.j2", policies=False, rules=_port_rules(own_ports(node)))


def guest_fw(guest: Guest) -> str:
    """A container's file: sshd from the management addresses, and the ports that its own firewall lets in."""
    own = ["IN SSH(ACCEPT) -source +management -log nolog", "IN Ping(ACCEPT) -source +management -log nolog"]
    ports = (*own_ports(guest.host), *resolved(guest.host, published_ports(guest.stack)))
    return render("proxmox/guest.fw.j2", policies=True, rules=[*own, *_port_rules(ports)])


def firewall_tree(node: ProxmoxHost, guests: Iterable[Guest]) -> tuple[Node, ...]:
    """The staged files, at the places that they have below /etc/pve; the cluster's is the leader's."""
    assert node.guest_firewall is not None  # noqa: S101 - the caller has looked
    texts = {f"nodes/{node.name}/host.fw": host_fw(node)}
    texts |= {f"firewall/{guest.host.vmid}.fw": guest_fw(guest) for guest in guests}
    if node.leads:
        texts["firewall/cluster.fw"] = cluster_fw(node.guest_firewall)
    folders = {f"{STAGE}/{path}".rpartition("/")[0] for path in texts} | {STAGE, f"{STAGE}/nodes"}
    return (
        *(Directory(folder, mode=0o700) for folder in sorted(folders)),
        *(File(f"{STAGE}/{path}", text.encode(), mode=0o600) for path, text in texts.items()),
    )


def proxmox_firewall(node: ProxmoxHost, guests: Iterable[Guest]) -> Desired:
    """What `tasks/proxmox.py` makes true of Proxmox's firewall; taken back unless a new connection confirms it."""
    script = File(SCRIPT, verbatim("proxmox/estate-pve-firewall"), mode=0o755)
    nodes = (*firewall_tree(node, guests), script)
    files = Tree(tuple(item for item in nodes if isinstance(item, File)))
    # Without the script itself: the way back needs it, and takes the handler's own files back first
    staged = tuple(file.path for file in files.files if file.path != SCRIPT)
    return Desired(
        task=FIREWALL,
        tree=Tree(nodes),
        handlers=(
            Handler(
                "pve-firewall",
                f"{SCRIPT} apply",
                files.digest,
                staged,
                probe=f"{SCRIPT} same",
                guard=Guard(save=f"{SCRIPT} save", undo=f"{SCRIPT} restore $saved"),
            ),
        ),
    )


def proxmox(node: ProxmoxHost) -> Desired:
    """The package repositories: one that may be used, the others off (pve-docs, pve-package-repos.adoc)."""
    names = ("proxmox", "pve-enterprise", "ceph")
    files = tuple(
        File(f"/etc/apt/sources.list.d/{name}.sources", render(f"proxmox/{name}.sources.j2", node=node).encode())
        for name in names
    )
    return Desired(
        task=TASK,
        tree=Tree(files),
        handlers=(Handler("pve-repositories", _RELOAD, Tree(files).digest, tuple(file.path for file in files)),),
    )
