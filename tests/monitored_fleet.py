"""A fleet of two nodes, its monitors, and how Kuma would list them."""

from pydantic import SecretStr

from estate.edge.monitors import notified, wanted
from estate.models.edge import Mesh, Node, Release, Telemetry

SEED = SecretStr("5eed" * 16)


def mesh(*names: str, **telemetry: int) -> Mesh:
    nodes = tuple(
        Node(name=name, index=number, city=name.title(), region="r", plan="p", role="spoke" if number > 1 else "hub")
        for number, name in enumerate(names, 1)
    )
    return Mesh(
        domain="clavitor.example",
        nodes=nodes,
        release=Release(version="1", sha256="0" * 64, path="clavitor"),
        telemetry=Telemetry(**telemetry),
        acme_email="ops@clavitor.example",
    )


FLEET = wanted(mesh("zurich", "tokyo"), SEED)


def listed(monitors=FLEET, notifications=()):
    """The monitors as Kuma would list them."""
    ids = {monitor.key: number for number, monitor in enumerate(monitors, 1)}
    return {
        ids[monitor.key]: {
            **monitor.settings,
            "id": ids[monitor.key],
            "parent": ids.get(monitor.parent),
            "notificationIDList": notified(monitor, notifications),
            "weight": 2000,
        }
        for monitor in monitors
    }
