"""The topology as a picture: who may be reached from where, from the declarations (pure SVG)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from estate.models.host import Host
from estate.models.service import Service
from estate.models.stack import Stack

_STYLE = """
svg { font: 13px system-ui, sans-serif; background: #ffffff }
text { fill: #1f2933 } .small { font-size: 11px; fill: #52606d } .title { font-size: 17px; font-weight: 600 }
.group { fill: #f5f7fa; stroke: #cbd2d9 } .node { fill: #ffffff; stroke: #7b8794 }
.public { fill: #e3f8ff; stroke: #0b69a3 } .data { fill: #fffbea; stroke: #b44d12 }
.wire { fill: none; stroke: #9aa5b1; stroke-width: 1.3 } .entry { stroke: #0b69a3 }
.head { font-size: 12px; font-weight: 600; fill: #52606d }
"""

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _TOP, _LEFT = 176, 44, 76, 14, 118, 40


@dataclass(frozen=True)
class Box:
    """A service at its place."""

    service: Service
    x: int
    y: int


def _columns(stack: Stack) -> list[tuple[str, list[Service]]]:
    """Services by their distance from the public: entry, routed, what these need, what only watches."""
    services = list(stack.services)
    entry = [s for s in services if s.published]
    routed = [s for s in services if s.routes and s not in entry]
    needed = {name for s in routed for name in s.depends_on}
    providers = [s for s in services if {s.name, *s.aliases} & needed and s not in entry + routed]
    rest = [s for s in services if s not in entry + routed + providers]
    return [("Public entry", entry), ("Behind a route", routed), ("Needed by these", providers), ("Watching", rest)]


def _place(stack: Stack) -> tuple[list[Box], list[tuple[str, int]], int]:
    boxes, heads, tallest = [], [], 0
    for column, (title, services) in enumerate(_columns(stack)):
        x = _LEFT + column * (_WIDTH + _GAP_X)
        heads.append((title, x))
        boxes += [Box(s, x, _TOP + row * (_HEIGHT + _GAP_Y)) for row, s in enumerate(services)]
        tallest = max(tallest, len(services))
    return boxes, heads, tallest


def _wire(start: Box, end: Box, kind: str = "") -> str:
    y1, y2 = start.y + _HEIGHT // 2, end.y + _HEIGHT // 2
    if start.x == end.x:
        x = start.x + _WIDTH
        return f'<path class="wire {kind}" d="M{x} {y1} C{x + 34} {y1} {x + 34} {y2} {x} {y2}"/>'
    x1, x2 = (start.x + _WIDTH, end.x) if start.x < end.x else (start.x, end.x + _WIDTH)
    middle = (x1 + x2) // 2
    return f'<path class="wire {kind}" d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"/>'


def _box(box: Box) -> str:
    service = box.service
    kind = "public" if service.published else "data" if service.data else "node"
    port = f":{service.port}" if service.port else ", ".join(f"{p.host}/{p.protocol}" for p in service.published)
    route = ", ".join(route.host for route in service.routes)
    below = " · ".join(part for part in (route, port) if part) or "static files"
    return (
        f'<g><title>{escape(service.purpose)}</title><rect class="{kind}" x="{box.x}" y="{box.y}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6"/><text x="{box.x + 12}" y="{box.y + 19}">{escape(service.name)}</text>'
        f'<text class="small" x="{box.x + 12}" y="{box.y + 35}">{escape(below)}</text></g>'
    )


def _wires(boxes: Sequence[Box]) -> list[str]:
    by_name = {alias: box for box in boxes for alias in (box.service.name, *box.service.aliases)}
    entries = [box for box in boxes if box.service.published]
    wires = [
        _wire(entry, box, "entry") for entry in entries for box in boxes if box.service.routes and box not in entries
    ]
    for box in boxes:
        targets = (by_name[name] for name in box.service.depends_on if name in by_name)
        wires += [_wire(box, target) for target in targets if not target.service.published]
    return wires


def _host_rows(hosts: Mapping[str, Host], y: int, width: int) -> tuple[list[str], int]:
    """The other groups, a row each with its hosts."""
    parts = []
    for group in dict.fromkeys(host.group for host in hosts.values()):
        names = [name for name, host in hosts.items() if host.group == group]
        per_line = 8
        lines = [names[i : i + per_line] for i in range(0, len(names), per_line)]
        height = 30 + 20 * len(lines)
        parts.append(f'<rect class="group" x="20" y="{y}" width="{width - 40}" height="{height}" rx="8"/>')
        parts.append(f'<text class="head" x="36" y="{y + 20}">{escape(group)}</text>')
        for index, line in enumerate(lines):
            parts.append(f'<text x="150" y="{y + 20 + 20 * index}">{escape(" · ".join(line))}</text>')
        y += height + 8
    return parts, y


def topology(stack: Stack, hosts: Mapping[str, Host], stack_host: str) -> str:
    """The whole estate: the stack with its wires, and the other hosts by group."""
    boxes, heads, tallest = _place(stack)
    width = 2 * _LEFT + 4 * _WIDTH + 3 * _GAP_X
    bottom = _TOP + tallest * (_HEIGHT + _GAP_Y) + 8
    others = {name: host for name, host in hosts.items() if name != stack_host}
    rows, height = _host_rows(others, bottom + 24, width)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 12}" '
        f'viewBox="0 0 {width} {height + 12}"><style>{_STYLE}</style>',
        f'<rect width="{width}" height="{height + 12}" fill="#ffffff"/>',
        f'<text class="title" x="24" y="34">{escape(stack.settings.domain)}</text>',
        f'<text class="small" x="24" y="54">network {escape(stack.settings.network)} ({stack.settings.subnet}); '
        "blue: reachable from outside; yellow: keeps data</text>",
        f'<rect class="group" x="20" y="70" width="{width - 40}" height="{bottom - 70}" rx="10"/>',
        *(f'<text class="head" x="{x}" y="100">{escape(title)}</text>' for title, x in heads),
        *_wires(boxes),
        *(_box(box) for box in boxes),
        *rows,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
