"""The fleet as a map of the world: nodes by wave, their tunnels to the hub, the round trips between (pure SVG)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import permutations
from math import cos, hypot, pi, sin

from estate.edge.cities import CITIES, City
from estate.edge.continents import LAND
from estate.edge.plans import price_of
from estate.edge.waves import wave_of
from estate.models.edge import Mesh, Node, Wave

WIDTH, TOP, FOOT = 1200, 56, 52
_WEST, _NORTH, _SOUTH = -170.0, 76.0, -56.0
_SCALE = WIDTH / 360
_STRETCH = 1.22
"""Equirectangular, true at 35 degrees north and south (1 / cos 35), so that Europe is not flattened."""
MAP_HEIGHT = round((_NORTH - _SOUTH) * _SCALE * _STRETCH)
HEIGHT = TOP + MAP_HEIGHT + FOOT
_LINE, _LETTER, _TRIED = 16.0, 7.6, 5
"""Height of a label, and the width of one of its letters, in pixels; of how many dots all orders are tried."""
_WAVES: tuple[tuple[Wave, str, str], ...] = (
    ("canary", "#d97706", "#fbbf24"),
    ("early", "#2563eb", "#60a5fa"),
    ("rest", "#0f766e", "#2dd4bf"),
    ("hub", "#be123c", "#fb7185"),
)
"""A wave's colour on a light ground and on a dark one."""
_STYLE = """
svg { font: 13px system-ui, "DejaVu Sans", sans-serif }
.sea { fill: #f4f8fb } .land { fill: #dbe3ea; stroke: #dbe3ea; stroke-width: 3; stroke-linejoin: round }
.grid { fill: none; stroke: #e6edf3; stroke-width: 1 }
.wire { fill: none; stroke: #64748b; stroke-opacity: .55; stroke-width: 1.1 }
.lead { stroke: #94a3b8; stroke-width: 1; stroke-dasharray: 2 2 }
text { fill: #1f2933 } .title { font-size: 18px; font-weight: 600 } .small { font-size: 12px; fill: #52606d }
.label { paint-order: stroke; stroke: #f4f8fb; stroke-width: 3.5px; stroke-opacity: .85; stroke-linejoin: round }
.dot { stroke: #ffffff; stroke-width: 1.6 } g:hover > .wire { stroke-opacity: 1; stroke-width: 2.2 }
"""
_DARK = """
.sea { fill: #10161d } .land { fill: #263341; stroke: #263341 } .grid { stroke: #1a232d }
.wire { stroke: #94a3b8 } .lead { stroke: #64748b } text { fill: #e6edf3 } .small { fill: #9fb0c0 }
.label { stroke: #10161d } .dot { stroke: #10161d }
"""


@dataclass(frozen=True)
class Box:
    """A rectangle that nothing else may cover."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: "Box") -> bool:
        """Whether they have a point in common."""
        apart_x = self.x >= other.x + other.width or other.x >= self.x + self.width
        apart_y = self.y >= other.y + other.height or other.y >= self.y + self.height
        return not (apart_x or apart_y)


@dataclass(frozen=True)
class Dot:
    """A node at its place."""

    node: Node
    city: City
    x: float
    y: float

    @property
    def radius(self) -> float:
        """The hub's is larger."""
        return 7.5 if self.node.role == "hub" else 5.0

    @property
    def box(self) -> Box:
        """What it covers."""
        return Box(self.x - self.radius, self.y - self.radius, 2 * self.radius, 2 * self.radius)


@dataclass(frozen=True)
class Label:
    """A dot's name at its place.

    + lead: whether a line leads from it to its dot, as another dot is nearer
    """

    dot: Dot
    box: Box
    lead: bool = False

    @property
    def end(self) -> tuple[float, float]:
        """The point of the label that is nearest to its dot."""
        return _nearest(self.box, self.dot)


def _nearest(box: Box, dot: Dot) -> tuple[float, float]:
    return min(max(dot.x, box.x), box.x + box.width), min(max(dot.y, box.y), box.y + box.height)


def _distance(box: Box, dot: Dot) -> float:
    x, y = _nearest(box, dot)
    return hypot(x - dot.x, y - dot.y)


def point(longitude: float, latitude: float) -> tuple[float, float]:
    """Where a place is on the picture."""
    return (longitude - _WEST) * _SCALE, TOP + (_NORTH - latitude) * _SCALE * _STRETCH


def dots(mesh: Mesh) -> list[Dot]:
    """The nodes whose city is known, in the order of the list."""
    found = [(node, CITIES[node.city]) for node in mesh.nodes if node.city in CITIES]
    return [Dot(node, city, *point(city.longitude, city.latitude)) for node, city in found]


def _places(dot: Dot) -> Iterator[Box]:
    """Where its label may be: in sixteen directions, further and further away."""
    width = _LETTER * len(dot.city.name) + 2
    for out in range(int(dot.radius) + 4, 70, 6):
        for turn in range(16):
            east, south = cos(turn * pi / 8), sin(turn * pi / 8)
            x = dot.x + out * east - (0 if east > 0.3 else width if east < -0.3 else width / 2)
            y = dot.y + out * south - (0 if south > 0.3 else _LINE if south < -0.3 else _LINE / 2)
            yield Box(x, y, width, _LINE)


def _choices(dot: Dot, found: Sequence[Dot]) -> list[tuple[float, Label]]:
    """Its possible labels with what each costs, the cheapest first.

    Distance costs, to be next to somebody else's dot costs more, and a line most.
    """
    choices = []
    for box in _places(dot):
        own = _distance(box, dot) - dot.radius
        near = min((_distance(box, other) - other.radius for other in found if other is not dot), default=WIDTH)
        lead = near < own or own > 0.7 * _LINE
        # Beside a dot a name is read best
        level = abs(box.y + box.height / 2 - dot.y)
        cost = own + 0.4 * level + 4 * max(0.0, 10 - near) + (25 if lead else 0)
        choices.append((cost, Label(dot, box, lead)))
    return sorted(choices, key=lambda choice: choice[0])


def _line(label: Label) -> list[Box]:
    """The line of a label as a row of small boxes."""
    x, y = label.end
    steps = max(2, int(hypot(x - label.dot.x, y - label.dot.y) / 3))
    at = [step / steps for step in range(1, steps)]
    return [Box(label.dot.x + (x - label.dot.x) * t - 1, label.dot.y + (y - label.dot.y) * t - 1, 2, 2) for t in at]


def _fits(label: Label, taken: Sequence[Box]) -> bool:
    box = label.box
    inside = box.x > 4 and box.x + box.width < WIDTH - 4 and box.y > TOP and box.y + box.height < TOP + MAP_HEIGHT
    covers = [box, *(_line(label) if label.lead else [])]
    return inside and not any(mine.meets(other) for mine in covers for other in taken)


def labels(found: Sequence[Dot]) -> list[Label]:
    """A place for every name, so that none covers another or a dot.

    Where it is crowded, the order in which they choose decides: the best of all orders is taken.
    """
    crowd = {dot.node.name: sum(hypot(dot.x - o.x, dot.y - o.y) < 90 for o in found) for dot in found}
    order = sorted(found, key=lambda dot: (-crowd[dot.node.name], dot.node.index))
    choices = {dot.node.name: _choices(dot, found) for dot in found}
    results = (_placed((*first, *order[_TRIED:]), choices, found) for first in permutations(order[:_TRIED]))
    return min(results, key=lambda result: result[0])[1]


def _placed(
    order: Sequence[Dot], choices: Mapping[str, list[tuple[float, Label]]], found: Sequence[Dot]
) -> tuple[float, list[Label]]:
    """The labels when the dots choose in this order, and what that costs; one without a place costs most."""
    taken: list[Box] = []
    placed: list[Label] = []
    total = 0.0
    for dot in order:
        others = [other.box for other in found if other is not dot]
        fitting = (choice for choice in choices[dot.node.name] if _fits(choice[1], [*taken, *others]))
        cost, label = next(fitting, (1000.0, None))
        total += cost
        if label is not None:
            taken += [label.box, *(_line(label) if label.lead else [])]
            placed.append(label)
    return total, placed


def _outlines() -> str:
    paths = []
    for outline in LAND:
        words = [f"{x:.0f} {y:.0f}" for x, y in (point(*place) for place in outline)]
        paths.append(f"M{'L'.join(words)}Z")
    return f'<path class="land" d="{"".join(paths)}"/>'


def _grid() -> str:
    parts = []
    for longitude in range(-150, 181, 30):
        x, _ = point(longitude, 0)
        parts.append(f"M{x:.0f} {TOP}V{TOP + MAP_HEIGHT}")
    for latitude in range(-30, 61, 30):
        _, y = point(0, latitude)
        parts.append(f"M0 {y:.0f}H{WIDTH}")
    return f'<path class="grid" d="{"".join(parts)}"/>'


def _wire(hub: Dot, dot: Dot) -> str:
    """An arc that bends northward, the longer the more."""
    length = hypot(dot.x - hub.x, dot.y - hub.y)
    x, y = (hub.x + dot.x) / 2, (hub.y + dot.y) / 2 - length * 0.22
    return f'<path class="wire" d="M{hub.x:.1f} {hub.y:.1f}Q{x:.1f} {y:.1f} {dot.x:.1f} {dot.y:.1f}"/>'


def _about(mesh: Mesh, dot: Dot) -> str:
    """What a reader is told who points at a node."""
    node = dot.node
    trip = "the hub" if node.role == "hub" else f"about {dot.city.rtt} ms from {mesh.hub.city}"
    return f"{mesh.public_name(node)}: {trip}; {mesh.address(node)}, {node.provider}, {price_of(node):g} USD a month"


def _node(mesh: Mesh, hub: Dot | None, dot: Dot) -> str:
    wire = _wire(hub, dot) if hub and dot is not hub else ""
    title = f"<title>{escape(_about(mesh, dot))}</title>"
    circle = f'<circle class="dot {wave_of(mesh, dot.node)}" cx="{dot.x:.1f}" cy="{dot.y:.1f}" r="{dot.radius}"/>'
    return f"<g>{title}{wire}{circle}</g>"


def _lead(label: Label) -> str:
    x, y = label.end
    return f'<path class="lead" d="M{label.dot.x:.1f} {label.dot.y:.1f}L{x:.1f} {y:.1f}"/>'


def _label(label: Label) -> str:
    left = label.box.x + label.box.width < label.dot.x
    x = label.box.x + label.box.width - 1 if left else label.box.x + 1
    anchor = ' text-anchor="end"' if left else ""
    return f'<text class="label" x="{x:.1f}" y="{label.box.y + 12:.1f}"{anchor}>{escape(label.dot.city.name)}</text>'


def _legend(mesh: Mesh) -> list[str]:
    y, x, parts = TOP + MAP_HEIGHT + 30, 28.0, []
    for wave, _, _ in _WAVES:
        count = sum(wave_of(mesh, node) == wave for node in mesh.nodes)
        text = wave if wave == "hub" else f"{wave}, {count}"
        parts.append(f'<circle class="dot {wave}" cx="{x}" cy="{y - 4}" r="{7 if wave == "hub" else 5}"/>')
        parts.append(f'<text x="{x + 12}" y="{y}">{text}</text>')
        x += 40 + _LETTER * len(text)
    parts.append(f'<path class="wire" d="M{x} {y - 4}q17 -9 34 0"/>')
    parts.append(f'<text x="{x + 42}" y="{y}">WireGuard; point at a node for its round trip</text>')
    return parts


def fleet_map(mesh: Mesh) -> str:
    """The picture; nodes in cities whose place is not known are named below it."""
    found = dots(mesh)
    names = labels(found)
    hub = next((dot for dot in found if dot.node.role == "hub"), None)
    cost = sum(price_of(node) for node in mesh.nodes)
    light = "".join(f".{wave} {{ fill: {colour} }} " for wave, colour, _ in _WAVES)
    dark = "".join(f".{wave} {{ fill: {colour} }} " for wave, _, colour in _WAVES)
    lost = [node.name for node in mesh.nodes if node.city not in CITIES]
    about = f"{len(mesh.nodes)} nodes, {cost:g} of {mesh.budget:g} USD a month"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"<style>{_STYLE}{light}\n@media (prefers-color-scheme: dark) {{{_DARK}{dark}}}\n</style>",
        f'<defs><clipPath id="map"><rect y="{TOP}" width="{WIDTH}" height="{MAP_HEIGHT}"/></clipPath></defs>',
        f'<rect class="sea" width="{WIDTH}" height="{HEIGHT}" rx="10"/>',
        f'<text class="title" x="24" y="36">{escape(mesh.domain)}</text>',
        f'<text class="small" x="{WIDTH - 24}" y="36" text-anchor="end">{about}</text>',
        f'<g clip-path="url(#map)">{_grid()}{_outlines()}</g>',
        *(_lead(label) for label in names if label.lead),
        *(_node(mesh, hub, dot) for dot in found if dot is not hub),
        *([_node(mesh, hub, hub)] if hub else []),
        *(_label(label) for label in names),
        *_legend(mesh),
    ]
    if lost:
        x, y = WIDTH - 24, TOP + MAP_HEIGHT + 30
        parts.append(f'<text class="small" x="{x}" y="{y}" text-anchor="end">not on it: {", ".join(lost)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
