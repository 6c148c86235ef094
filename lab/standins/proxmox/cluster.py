"""The cluster: corosync.conf, who answers, who may write; `pvecm`.

One vote a node and one of a QDevice (pve-docs pvecm.adoc; facts/homelab-vps.md §1.8). In the place of corosync's
messages, a node is a member when its API answers.
"""

import re
from dataclasses import dataclass

from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

API_PORT = 8006
QNETD_PORT = 5403
NO_CLUSTER = "Error: Corosync config '/etc/pve/corosync.conf' does not exist - is this node part of a cluster?"
NOT_QUORATE = 2
"""How corosync-quorumtool ends then (inferred from corosync's manual page; not in the facts)."""


@dataclass(frozen=True)
class Member:
    """A node of the cluster's configuration."""

    name: str
    number: int
    address: str
    votes: int = 1


@dataclass(frozen=True)
class Quorum:
    """Who answers, and what it takes."""

    members: tuple[Member, ...]
    present: tuple[Member, ...]
    expected: int
    qdevice: str = ""
    qdevice_answers: bool = False

    @property
    def needed(self) -> int:
        """The votes that make a quorum."""
        return self.expected // 2 + 1

    @property
    def votes(self) -> int:
        """The votes that are there."""
        return sum(member.votes for member in self.present) + self.qdevice_answers

    @property
    def quorate(self) -> bool:
        """Whether there are enough; a node in no cluster needs nobody."""
        return not self.members or self.votes >= self.needed


def _block(text: str, name: str) -> list[str]:
    return re.findall(name + r"\s*\{([^{}]*)\}", text)


def _setting(block: str, name: str) -> str:
    found = re.search(rf"^\s*{name}:\s*(\S+)\s*$", block, re.MULTILINE)
    return found[1] if found else ""


def members(node: Node) -> tuple[Member, ...]:
    """The nodes that corosync.conf names; none without one."""
    found = []
    for block in _block(node.read("corosync.conf"), "node"):
        number, votes = int(_setting(block, "nodeid")), int(_setting(block, "quorum_votes") or 1)
        found.append(Member(_setting(block, "name"), number, _setting(block, "ring0_addr"), votes))
    return tuple(sorted(found, key=lambda member: member.number))


def qdevice(node: Node) -> str:
    """The QDevice's address; empty when there is none."""
    return next((_setting(block, "host") for block in _block(node.read("corosync.conf"), "net")), "")


def quorum(node: Node) -> Quorum:
    """Ask the others."""
    every = members(node)
    here = tuple(m for m in every if m.name == node.name or node.dial(m.address, API_PORT))
    device = qdevice(node)
    answers = bool(device) and node.dial(device, QNETD_PORT)
    override = node.state / "expected"
    expected = sum(member.votes for member in every) + bool(device)
    if override.exists():
        expected = max(int(override.read_text()), 1)
    return Quorum(every, here, expected, device, answers)


def member(node: Node, name: str) -> Member:
    """A node of the cluster by its name. Raises PveError."""
    for one in members(node):
        if one.name == name:
            return one
    raise PveError(f"no such cluster node '{name}'")


def name(node: Node) -> str:
    """The cluster's name; empty in none."""
    return _setting(_totem(node), "cluster_name")


def _totem(node: Node) -> str:
    return next(iter(re.findall(r"totem\s*\{(.*?)^\}", node.read("corosync.conf"), re.DOTALL | re.MULTILINE)), "")


def status(node: Node) -> tuple[str, int]:
    """What `pvecm status` prints, and how it ends. Raises PveError in no cluster."""
    if not node.read("corosync.conf"):
        raise PveError(NO_CLUSTER)
    found, totem = quorum(node), _totem(node)
    me = next((m for m in found.members if m.name == node.name), found.members[0])
    flags = " ".join(word for word, on in (("Quorate", found.quorate), ("Qdevice", bool(found.qdevice))) if on)
    rows = [
        "Cluster information",
        "-------------------",
        f"{'Name:':<17} {_setting(totem, 'cluster_name')}",
        f"{'Config Version:':<17} {_setting(totem, 'config_version')}",
        f"{'Transport:':<17} knet",
        f"{'Secure auth:':<17} on",
        "",
        "Quorum information",
        "------------------",
        f"Date:             {node.now():%a %b %e %H:%M:%S %Y}",
        "Quorum provider:  corosync_votequorum",
        f"Nodes:            {len(found.present)}",
        f"Node ID:          0x{me.number:08x}",
        f"Ring ID:          {me.number}.1",
        f"Quorate:          {'Yes' if found.quorate else 'No'}",
        "",
        "Votequorum information",
        "----------------------",
        f"Expected votes:   {found.expected}",
        f"Highest expected: {found.expected}",
        f"Total votes:      {found.votes}",
        f"Quorum:           {found.needed} {'' if found.quorate else 'Activity blocked'}",
        f"Flags:            {flags} ",
        "",
        "Membership information",
        "----------------------",
        *_membership(found, node.name),
    ]
    return "\n".join(rows), 0 if found.quorate else NOT_QUORATE


def _membership(found: Quorum, name: str) -> list[str]:
    rows = ["    Nodeid      Votes    Qdevice Name" if found.qdevice else "    Nodeid      Votes Name"]
    for one in found.present:
        vote = f"{'A,V,NMW' if found.qdevice_answers else 'NR':>11}" if found.qdevice else ""
        rows.append(f"0x{one.number:08x} {one.votes:>10}{vote} {one.address}{' (local)' if one.name == name else ''}")
    if found.qdevice:
        rows.append(f"0x00000000 {int(found.qdevice_answers):>10}            Qdevice")
    return rows


def nodes_table(node: Node) -> str:
    """What `pvecm nodes` prints."""
    if not node.read("corosync.conf"):
        raise PveError(NO_CLUSTER)
    rows = ["", "Membership information", "----------------------", "    Nodeid      Votes Name"]
    for one in quorum(node).present:
        rows.append(f"{one.number:>10} {one.votes:>10} {one.name}{' (local)' if one.name == node.name else ''}")
    return "\n".join(rows)


def set_expected(node: Node, votes: int) -> None:
    """`pvecm expected`: for this node, until its next boot."""
    if not node.read("corosync.conf"):
        raise PveError(NO_CLUSTER)
    node.state.mkdir(parents=True, exist_ok=True)
    (node.state / "expected").write_text(f"{votes}\n")


_DEVICE = """quorum {
  device {
    model: net
    votes: 1
    net {
      host: %s
      algorithm: ffsplit
      tls: on
    }
  }
  provider: corosync_votequorum
}
"""
_PLAIN = "quorum {\n  provider: corosync_votequorum\n}\n"


def set_qdevice(node: Node, address: str) -> None:
    """`pvecm qdevice setup` and `remove` (an empty address)."""
    with node.cfs_lock("corosync.conf"):
        text = node.read("corosync.conf")
        if not text:
            raise PveError(NO_CLUSTER)
        if address and qdevice(node):
            raise PveError("QDevice already configured!")
        if not address and not qdevice(node):
            raise PveError("No QDevice configured!")
        if address and not node.dial(address, QNETD_PORT):
            raise PveError(f"could not connect to corosync-qnetd on {address}")
        text = re.sub(r"^quorum \{.*?^\}\n", _DEVICE % address if address else _PLAIN, text, flags=re.M | re.S)
        node.write("corosync.conf", text)


def render(name: str, nodes: tuple[Member, ...]) -> str:
    """A corosync.conf, as `pvecm create` and `pvecm add` leave one."""
    blocks = [
        f"  node {{\n    name: {m.name}\n    nodeid: {m.number}\n    quorum_votes: {m.votes}\n"
        f"    ring0_addr: {m.address}\n  }}\n"
        for m in nodes
    ]
    return (
        "logging {\n  debug: off\n  to_syslog: yes\n}\n\nnodelist {\n"
        + "".join(blocks)
        + "}\n\n"
        + _PLAIN
        + f"\ntotem {{\n  cluster_name: {name}\n  config_version: {len(nodes)}\n"
        "  interface {\n    linknumber: 0\n  }\n"
        "  ip_version: ipv4-6\n  link_mode: passive\n  secauth: on\n  version: 2\n}\n"
    )
