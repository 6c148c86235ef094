"""What makes a node of the edge fleet itself, as the values of its estate.nix."""

from collections.abc import Mapping
from ipaddress import IPv4Address

from pydantic import Field

from estate.edge import bridge
from estate.edge.keys import Keys
from estate.edge.plans import plan_of
from estate.models.base import Frozen
from estate.models.edge import Mesh, Node
from estate.models.host import Host
from estate.render.nix_value import NixValue
from estate.render.ssh_policy import algorithms

DISKS = {"vultr": "/dev/vda", "hostkey": "/dev/vda"}
"""What the boot loader is installed on, by provider."""


class Overrides(Frozen):
    """What a lab has of its own.

    + extra_hosts: addresses and names for /etc/hosts
    + nameservers: instead of those that DHCP gives
    + environment: more of clavitor's environment (the root of a test certificate authority, say)
    """

    extra_hosts: tuple[tuple[str, str], ...] = ()
    nameservers: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)


NO_OVERRIDES = Overrides()


def values_of(
    host: Host, mesh: Mesh, node: Node, keys: Keys, overrides: Overrides, bridge_files: tuple[str, ...]
) -> Mapping[str, NixValue]:
    """The values, in the order in which they are written; a role has only those that its modules read."""
    values: dict[str, NixValue] = {
        "node": node.name,
        "release": mesh.nixos,
        "nixpkgs": mesh.nixpkgs_source,
        "generations": mesh.generations,
        "disk": DISKS[node.provider],
        "journal": "50M" if plan_of(node).small else "200M",
        "timeServers": host.ntp_servers,
        "sysctl": dict(sorted(host.sysctl.items())),
        "cacheKeys": [key for key in dict.fromkeys((keys.cache, mesh.cache_key)) if key],
        "admins": [user.name for user in host.admins],
        "adminKeys": host.admin_keys,
        "recipients": host.age_recipients,
        "sshAlgorithms": _ssh(host),
        "clavitor": _clavitor(mesh, node, overrides),
        "backupUrl": f"{_bridge(mesh)}/backup/{node.name}",
        "breakGlass": {"keys": mesh.break_glass.keys, "sources": mesh.break_glass.sources},
        **_mesh(mesh, node, keys),
    }
    if node.role == "hub":
        values["ports"] = {"bridge": mesh.bridge_port, "depot": mesh.depot_port, "kuma": mesh.kuma_port}
        if mesh.offsite:
            values["offsite"] = f"{mesh.offsite.bucket}/{mesh.offsite.folder}"
        values["bridge"] = {"config": bridge.config(mesh), "files": bridge_files}
    return values


def _ssh(host: Host) -> Mapping[str, NixValue]:
    """The algorithms as the module wants them: it joins three lists itself and takes no others (sshd.nix)."""
    joined = {"KexAlgorithms": "KexAlgorithms", "Ciphers": "Ciphers", "MACs": "Macs"}
    return {
        joined.get(keyword, keyword): names if keyword in joined else ",".join(names)
        for keyword, names in algorithms(host).items()
    }


def _bridge(mesh: Mesh) -> str:
    return f"http://{mesh.address(mesh.hub)}:{mesh.bridge_port}"


def _clavitor(mesh: Mesh, node: Node, overrides: Overrides) -> Mapping[str, NixValue]:
    environment = {
        "CLAVITOR_NODE": node.name,
        "CLAVITOR_DOMAIN": mesh.public_name(node),
        "CLAVITOR_PUSH_URL": f"{_bridge(mesh)}/push/{node.name}",
        "CLAVITOR_PUSH_INTERVAL": str(mesh.telemetry.interval),
        "CLAVITOR_ACME_EMAIL": mesh.acme_email,
        **({"CLAVITOR_ACME_DIRECTORY": mesh.acme_directory} if mesh.acme_directory else {}),
        **overrides.environment,
    }
    plan = plan_of(node)
    return {
        "environment": dict(sorted(environment.items())),
        # NixOS itself wants about a fifth of 512 MB
        "memoryMax": f"{plan.memory * 3 // 5}M" if plan.small else "",
    }


def _mesh(mesh: Mesh, node: Node, keys: Keys) -> Mapping[str, NixValue]:
    common: dict[str, NixValue] = {
        "interface": mesh.interface,
        "address": mesh.address(node),
        "prefix": mesh.subnet.partition("/")[2],
        "presharedKeys": mesh.preshared_keys,
        "operators": [
            {"name": operator.name, "address": mesh.address(operator), "publicKey": operator.public_key}
            for operator in mesh.operators
        ],
    }
    if node.role == "hub":
        return common | {"port": mesh.port, "spokes": [_spoke(mesh, spoke, keys) for spoke in mesh.spokes]}
    hub = mesh.hub
    return common | {
        "keepalive": mesh.keepalive,
        "hub": {
            "name": hub.name,
            "address": mesh.address(hub),
            "publicKey": keys.nodes.get(hub.name, ""),
            "endpoint": mesh.endpoint_of(node),
            "refresh": 0 if _is_address(mesh.endpoint_of(node)) else 60,
        },
    }


def _is_address(endpoint: str) -> bool:
    """Whether the endpoint names an IPv4 address."""
    try:
        IPv4Address(endpoint.rpartition(":")[0])
    except ValueError:
        return False
    return True


def _spoke(mesh: Mesh, spoke: Node, keys: Keys) -> Mapping[str, NixValue]:
    return {
        "name": spoke.name,
        "address": mesh.address(spoke),
        "publicKey": keys.nodes.get(spoke.name, ""),
        "nextKey": keys.following.get(spoke.name, ""),
    }
