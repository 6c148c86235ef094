"""A fleet to test with: a hub, a canary, and spokes of every kind; keys that are well formed and nobody's."""

import base64
from hashlib import sha256
from typing import Any

from estate.edge.keys import Keys
from estate.models.edge import BreakGlass, Mesh, Node, Operator, Release
from estate.models.host import Host
from estate.models.host_parts import Resources, User

ADMIN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops"
GLASS_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGlass000000000000000000000000000000000000000 glass"
CACHE = f"estate-zurich-1:{base64.b64encode(sha256(b'cache').digest()).decode()}"


def public_key(name: str) -> str:
    """A well-formed WireGuard key that follows from the name."""
    return base64.b64encode(sha256(name.encode()).digest()).decode()


def hub(**over: Any) -> Node:
    """The hub."""
    values = {"name": "zurich", "index": 1, "city": "Zurich", "provider": "hostkey", "region": "zrh"}
    return Node(**values | {"plan": "hostkey-vps", "price": 0, "role": "hub"} | over)


def spoke(name: str = "tokyo", index: int = 2, **over: Any) -> Node:
    """A spoke at Vultr."""
    values = {"name": name, "index": index, "city": "Tokyo", "region": "nrt", "plan": "vc2-1c-1gb"}
    return Node(**values | over)


def laptop(**over: Any) -> Operator:
    """An operator."""
    return Operator(**{"name": "laptop", "index": 240, "public_key": public_key("laptop")} | over)


NODES = (
    hub(),
    spoke(wave="canary"),
    spoke("newjersey", 3, city="New Jersey", region="ewr", plan="vc2-1c-0.5gb"),
    spoke("dallas", 4, city="Dallas", region="dfw", plan="vhp-1c-2gb-amd", build="node"),
    spoke("saopaulo", 5, city="São Paulo", region="sao", plan="vc2-1c-1gb-sc1"),
    spoke("dubai", 6, city="Dubai", provider="hostkey", region="dxb", plan="hostkey-vps"),
)


def mesh(**over: Any) -> Mesh:
    """The fleet."""
    values: dict[str, Any] = {
        "domain": "clavitor.example",
        "nodes": NODES,
        "operators": (laptop(),),
        "release": Release(version="1.0.0", sha256="0" * 64, path="build/clavitor"),
        "acme_email": "ops@example.org",
        "break_glass": BreakGlass(keys=(GLASS_KEY,), sources=("192.0.2.0/24",)),
    }
    return Mesh(**values | over)


def keys(fleet: Mesh | None = None) -> Keys:
    """The pinned keys of every node."""
    fleet = fleet or mesh()
    return Keys({node.name: public_key(node.name) for node in fleet.nodes}, {}, CACHE)


def host(name: str = "tokyo", **over: Any) -> Host:
    """What a node has as every host has it."""
    values: dict[str, Any] = {
        "name": name,
        "group": "edge",
        "address": "10.84.0.2",
        "users": (User(name="mitch", admin=True), User(name="prodg", uid=1000, gid=1000)),
        "admin_keys": (ADMIN_KEY,),
        "age_recipients": ("age16tfuua6zqv8cxrt59gdpt3wrkwucdzap8jgvz2wqckwq7u7w4y4q2jd042",),
        "resources": Resources(cpus=1, memory="512m"),
        "sysctl": {"kernel.kptr_restrict": "2", "net.ipv4.tcp_syncookies": "1"},
        "ntp_servers": ("time.example.org",),
        "system": "nixos",
    }
    return Host(**values | over)
