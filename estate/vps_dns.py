"""The VPS's DNS records: its own names and those of the homelab's sites, which all lead to it (pure).

A record is ours when its comment is "estate:vps:NAME" with its own name; nothing else is touched. They are not
proxied: behind Cloudflare's proxy TLS would end there, and neither tunnels nor RustDesk get through it.
"""

from collections.abc import Iterable, Mapping

from estate.edge.dns import TTL, Diff, compare
from estate.models.cloud import Record
from estate.models.faults import EstateFaults, Fault
from estate.models.host import VpsHost
from estate.models.stack import Stack
from estate.routes import names

MARK = "estate:vps:"


def owner(record: Record) -> str:
    """The name that a record of ours is for; empty when it is not ours."""
    name = record.comment.removeprefix(MARK)
    return name if record.comment.startswith(MARK) and record.type == "A" and record.name == name else ""


def wishes(edge: VpsHost, stacks: Mapping[str, Stack]) -> dict[str, Record]:
    """Every record that there should be, by name. Raises EstateFaults while the VPS's address is not declared."""
    if edge.public_address is None:
        remedy = "set it in group_data/vps.py: the address that your provider gave it"
        raise EstateFaults([Fault("group_data/vps/public_address", "missing", remedy)])
    address = edge.public_address
    return {
        name: Record("", "A", name, address, TTL, proxied=False, comment=MARK + name) for name in names(edge, stacks)
    }


def diff(wanted: Mapping[str, Record], records: Iterable[Record]) -> Diff:
    """What differs from the declared records; one of a site that is no more is a change too."""
    return compare(wanted, wanted.keys(), records, owner, "no such site any more")
