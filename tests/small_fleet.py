"""A small fleet to test with: a hub at Hostkey, two spokes at Vultr."""

from typing import Any

from estate.edge.provision import Fleet
from estate.models.edge import Mesh, Node, Release

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops"


def node(name: str, index: int, **over: Any) -> Node:
    values: dict[str, Any] = {"name": name, "index": index, "city": name, "region": "nrt", "plan": "vc2-1c-1gb"}
    return Node(**values | over)


HUB = {"provider": "hostkey", "region": "zrh", "plan": "existing", "price": 0, "role": "hub", "address": "192.0.2.1"}


def mesh(*nodes: Node, **over: Any) -> Mesh:
    """Zurich, Tokyo and London, or Zurich and these."""
    spokes = nodes or (node("tokyo", 2), node("london", 3, region="lhr"))
    release = Release(version="1.0.0", sha256="0" * 64, path="clavitor")
    values: dict[str, Any] = {"domain": "edge.test", "acme_email": "ops@example.org", "release": release}
    return Mesh(nodes=(node("zurich", 1, **HUB), *spokes), **values | over)


def fleet(*nodes: Node, **over: Any) -> Fleet:
    """What an inventory declares of it."""
    return Fleet(mesh(*nodes, **over), (KEY,))
