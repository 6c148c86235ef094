"""How far the fleet's nodes are in the lab: as their cities are (estate/edge/cities.py), or all alike."""

from estate.edge.cities import CITIES
from estate.edge.inventory import declared_mesh
from lab.paths import REPO


def delays(words: str, names: list[str]) -> dict[str, float]:
    """Each node's round trip in milliseconds: "cities", or one number for all. Raises ValueError for anything else."""
    if words == "cities":
        city = {node["name"]: node["city"] for node in declared_mesh(REPO)["nodes"]}
        return {name: float(CITIES[city[name]].rtt) for name in names}
    milliseconds = float(words)
    if not 0 <= milliseconds <= 5000:
        raise ValueError(f"{words}: a round trip has 0 to 5000 ms")
    return dict.fromkeys(names, milliseconds)
