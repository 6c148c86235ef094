"""Where the nodes are: for the map, and for how far away they feel from Zurich.

Round trip times are what public internet paths take (about 1.5 to 2 times the great circle at the speed of light in
glass, in steps of what looking glasses of the regions show); they are for the lab's delays and the map, not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class City:
    """+ latitude, longitude: degrees, north and east positive
    + rtt: round trip from Zurich, in milliseconds
    """

    name: str
    latitude: float
    longitude: float
    rtt: int


_CITIES = (
    City("Zurich", 47.37, 8.54, 1),
    City("Amsterdam", 52.37, 4.90, 17),
    City("Dubai", 25.20, 55.27, 115),
    City("New Jersey", 40.74, -74.17, 90),
    City("Silicon Valley", 37.35, -121.96, 155),
    City("Dallas", 32.78, -96.80, 125),
    City("London", 51.51, -0.13, 22),
    City("Frankfurt", 50.11, 8.68, 8),
    City("Warsaw", 52.23, 21.01, 27),
    City("Tokyo", 35.68, 139.69, 245),
    City("Seoul", 37.57, 126.98, 260),
    City("Mumbai", 19.08, 72.88, 130),
    City("São Paulo", -23.55, -46.63, 205),
    City("Sydney", -33.87, 151.21, 285),
    City("Johannesburg", -26.20, 28.05, 175),
    City("Tel Aviv", 32.08, 34.78, 60),
)
CITIES: Mapping[str, City] = MappingProxyType({city.name: city for city in _CITIES})
