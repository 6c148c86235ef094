"""One fact for the whole state of a Proxmox node: one remote command."""

import json
from collections.abc import Iterable

from pyinfra.api.host import Host

from estate.facts.proxmox_parse import parse
from estate.facts.quiet import ReadError, read
from estate.models.host import HomelabHost, ProxmoxHost
from estate.plan.proxmox_state import PveState
from estate.render.proxmox import TOKENS
from estate.render.shell import shell, variables

TIMEOUT = 180
"""Seconds that reading a node may take: every pvesh is a Perl program that takes one."""

_known: dict[str, PveState] = {}


def read_script(node: ProxmoxHost, containers: Iterable[HomelabHost]) -> str:
    """The script that prints the node's state."""
    words = {
        "STORAGE": node.template_storage,
        "REALMS": " ".join(realm.name for realm in node.realms),
        "USERS": " ".join(dict.fromkeys(token.user for token in node.access.tokens)),
        "ADMINS": " ".join(sorted({user.name for container in containers for user in container.admins})),
        "TOKENS": TOKENS,
    }
    return variables(words) + shell("facts/proxmox.sh")


def parsed(lines: Iterable[str]) -> PveState:
    """The state that the script printed, or why there is none."""
    try:
        return parse(lines)
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        return PveState(error=f"its answer cannot be read: {error!r}")


def recall(target: Host, node: ProxmoxHost, containers: Iterable[HomelabHost]) -> PveState:
    """The node's state, read once a run: what was planned is what is done."""
    if target.name not in _known:
        try:
            _known[target.name] = parsed(read(target, read_script(node, containers), timeout=TIMEOUT))
        except ReadError as error:
            _known[target.name] = PveState(error=str(error))
    return _known[target.name]
