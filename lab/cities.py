"""How far the fleet's cities are from its hub in Zurich: round trips in milliseconds, as the internet usually has them.

Rounded from what public looking glasses and cloud providers' latency tables show between these regions; routes change.
"""

RTT: dict[str, int] = {
    "zurich": 0,
    "tokyo": 236,
    "newjersey": 92,
    "siliconvalley": 156,
    "dallas": 126,
    "london": 18,
    "frankfurt": 8,
    "warsaw": 24,
    "seoul": 246,
    "mumbai": 118,
    "saopaulo": 204,
    "sydney": 282,
    "johannesburg": 172,
    "telaviv": 58,
    "amsterdam": 15,
    "dubai": 110,
}


def delays(words: str, names: list[str]) -> dict[str, float]:
    """Each spoke's round trip: "cities", or one number for all. Raises ValueError for anything else."""
    if words == "cities":
        return {name: float(RTT.get(name, 100)) for name in names}
    milliseconds = float(words)
    if not 0 <= milliseconds <= 5000:
        raise ValueError(f"{words}: a round trip has 0 to 5000 ms")
    return dict.fromkeys(names, milliseconds)
