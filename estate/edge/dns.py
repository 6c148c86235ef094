"""The fleet's DNS records: what differs from what is declared, and what is somebody else's.

A record is ours when its comment is "estate:edge:NODE" and its name NODE's own in this fleet; nothing else is touched.
Every record of ours is an A record, DNS only: behind Cloudflare's proxy, TLS would end there and not in the vault.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Literal

from estate.models.cloud import Record
from estate.models.edge import Mesh
from estate.models.faults import Fault

MARK = "estate:edge:"
TTL = 300
"""Seconds; short, as a node that is installed anew comes with another address."""
_IN_THE_WAY = frozenset({"A", "AAAA", "CNAME", "NS", "HTTPS", "SVCB"})
"""Types that decide, or say beside ours, where a name leads."""


@dataclass(frozen=True)
class Change:
    """One record to add, change or remove.

    + record: as it is to be, or as it is when it goes; without content: the address is known when the machine is there
    + why: what differs
    """

    kind: Literal["add", "change", "remove"]
    node: str
    record: Record
    why: str = ""

    def __str__(self) -> str:
        content = self.record.content or "(the address that it will get)"
        return f"{self.kind} {self.record.name} A {content}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class Conflict:
    """A record of somebody else's at a node's name."""

    node: str
    record: Record

    @property
    def fault(self) -> Fault:
        """As a line of a report."""
        proxied = ", proxied" if self.record.proxied else ""
        fault = f"has {self.record.type} {self.record.content}{proxied}, which is not ours"
        return Fault(f"dns/{self.record.name}", fault, "remove it at Cloudflare, or name the node otherwise")


@dataclass(frozen=True)
class Diff:
    """What is to be done, and what is in the way; a name in the way gets no record of ours beside it."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def owner(record: Record, domain: str) -> str:
    """The node that a record of ours is for; empty when it is not ours."""
    node = record.comment.removeprefix(MARK)
    ours = record.comment.startswith(MARK) and record.type == "A" and record.name == f"{node}.{domain}"
    return node if ours else ""


def wanted(mesh: Mesh, node: str, address: str) -> Record:
    """A node's record as it should be; its id is the provider's to give."""
    return Record("", "A", f"{node}.{mesh.domain}", address, TTL, proxied=False, comment=f"{MARK}{node}")


def removal(mesh: Mesh, node: str, records: Iterable[Record]) -> Diff:
    """What goes with a node: the records that are ours and its, and no other."""
    found = [record for record in records if owner(record, mesh.domain) == node]
    return Diff(tuple(Change("remove", node, record) for record in found))


def diff(mesh: Mesh, addresses: Mapping[str, str], records: Iterable[Record]) -> Diff:
    """What differs from the declared records.

    + addresses: by node; empty when the machine is yet to be made; a node that is not in it is left alone
    + records: every record of the zone
    Records of nodes that are declared no more are changes too.
    """
    wishes = {node: wanted(mesh, node, address) for node, address in addresses.items()}
    declared = {node.name for node in mesh.nodes}
    return compare(wishes, declared, records, lambda record: owner(record, mesh.domain), "its node is declared no more")


def compare(
    wishes: Mapping[str, Record],
    declared: Set[str],
    records: Iterable[Record],
    owned: Callable[[Record], str],
    why: str,
) -> Diff:
    """What differs from the wished records, one a key.

    + declared: every key that there may be; a record of ours with another one goes, `why` says the reason
    + owned: the key that a record of ours is for; empty when it is not ours
    """
    records = list(records)
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    for key, wish in wishes.items():
        there = [record for record in records if record.name == wish.name]
        others = [record for record in there if record.type in _IN_THE_WAY and not owned(record)]
        conflicts += [Conflict(key, record) for record in others]
        own = [record for record in there if owned(record) == key]
        changes += _of_node(wish, key, own, blocked=bool(others))
    stray = [record for record in records if owned(record) not in {"", *declared}]
    changes += [Change("remove", owned(record), record, why) for record in stray]
    return Diff(tuple(changes), tuple(conflicts))


def _of_node(wish: Record, node: str, own: list[Record], *, blocked: bool) -> list[Change]:
    if not own:
        return [] if blocked else [Change("add", node, wish)]
    # Of several, the one that is right already stays
    keep, *spare = sorted(own, key=lambda record: (record.content != wish.content, record.proxied, record.id))
    changes = [Change("remove", node, record, "a second one") for record in spare]
    why = _differences(keep, wish)
    if why:
        content = wish.content or keep.content
        changes.insert(0, Change("change", node, replace(wish, id=keep.id, content=content), why))
    return changes


def _differences(found: Record, wish: Record) -> str:
    said = []
    if wish.content and found.content != wish.content:
        said.append(f"is {found.content}")
    if found.proxied:
        said.append("is proxied, which is a fault")
    if found.ttl != wish.ttl:
        said.append(f"its TTL is {found.ttl}")
    return ", ".join(said)
