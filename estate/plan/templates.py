"""Templates: the newest of a family, or an exact one (pve-manager PVE/CLI/pveam.pm)."""

import re
from collections.abc import Iterable, Sequence

from estate.models.host import HomelabHost, ProxmoxHost
from estate.plan.change import Change
from estate.plan.proxmox_state import PveState
from estate.plan.step import Step


def version_of(name: str) -> tuple[int, ...]:
    """The numbers of the version in "debian-12-standard_12.7-1_amd64.tar.zst", to compare by."""
    return tuple(int(number) for number in re.findall(r"\d+", name.split("_")[1])) if "_" in name else ()


def _newest(family: str, names: Iterable[str]) -> str:
    return max((name for name in names if name.startswith(f"{family}_")), key=version_of, default="")


def chosen(template: str, state: PveState) -> str:
    """The file that a container is made from; empty when there is none.

    Of a family the newest that can be downloaded, or else the newest that lies on the node.
    """
    if ".tar." in template:
        return template if template in (*state.available, *state.downloaded) else ""
    return _newest(template, state.available) or _newest(template, state.downloaded)


def downloads(node: ProxmoxHost, missing: Sequence[HomelabHost], state: PveState) -> list[Step]:
    """Templates to download: for containers that are to be made, and those of which the node has none at all.

    + missing: containers to be made on this node
    """
    wanted = {(host.template_storage, chosen(host.template, state)): f"for {host.name}" for host in reversed(missing)}
    for template in node.templates:
        if not _newest(template, state.downloaded) and template not in state.downloaded:
            wanted.setdefault((node.template_storage, chosen(template, state)), "kept on the node")
    return [
        Step(
            Change("api", f"proxmox template {name}", "download", (why,)),
            (("pveam", "download", storage, name),),
        )
        for (storage, name), why in sorted(wanted.items())
        if name and name not in state.downloaded
    ]
