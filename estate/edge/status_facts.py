"""What a node answers to estate/operations/edge_status.sh, as values (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite

Words = list[str]


@dataclass(frozen=True)
class Unit:
    """A systemd unit.

    + last, next: when its timer ran and will run, in seconds since 1970; 0 when never, or not a timer
    """

    loaded: bool
    active: str
    result: str
    last: float = 0
    next: float = 0


@dataclass(frozen=True)
class Facts:
    """One node, as it says it is.

    + now: its clock, in seconds since 1970
    + generation: the number of the system profile's generation
    + profile, running: store paths: what it boots, and what runs
    + generation_made, key_made: when they were made, in seconds since 1970
    + configuration, release: by these two it is compared with what is declared
    + before, fetched: the digests of the generation that ran before, and of the newest that it was sent
    + switching: a switch that nobody has confirmed yet
    + reverted: it took its last switch back by itself
    + reboot: what it booted has another kernel than what runs
    + breakglass: its emergency way in is open
    + disk: percent of / that is used
    + integrity: when the weekly check of the database was, and what it found
    + handshakes: seconds since 1970, by the peer's public key; 0: never
    """

    now: float
    system: str = ""
    generation: int | None = None
    profile: str = ""
    running: str = ""
    generation_made: float | None = None
    key_made: float | None = None
    configuration: str = ""
    release: str = ""
    version: str = ""
    before: str = ""
    before_release: str = ""
    fetched: str = ""
    switching: bool = False
    reverted: bool = False
    reboot: bool = False
    breakglass: bool = False
    disk: int | None = None
    free: int | None = None
    integrity: tuple[float, str] = (0, "")
    failed: tuple[str, ...] = ()
    units: Mapping[str, Unit] = field(default_factory=dict)
    handshakes: Mapping[str, float] = field(default_factory=dict)
    health: str = ""


def parse(text: str) -> Facts:
    """The facts of a script's output. Raises ValueError when it is cut off, or no answer of that script."""
    lines = text.splitlines()
    if "end" not in lines[-1:]:
        raise ValueError("its answer is cut off")
    found: dict[str, Words] = {}
    handshakes: dict[str, float] = {}
    for line in lines:
        word, *rest = line.split("\t")
        if word == "handshake":
            handshakes[_at(rest, 0)] = _number(_at(rest, 1)) or 0
        elif word not in ("", "unit"):
            found[word] = rest
    now = _number(_word(found, "now"))
    if now is None:
        raise ValueError("its answer has no time")
    return Facts(
        now=now,
        system=_word(found, "system"),
        generation=_whole(_word(found, "generation")),
        profile=_word(found, "generation", 1),
        running=_word(found, "generation", 2),
        generation_made=_number(_word(found, "made")),
        key_made=_number(_word(found, "made", 1)),
        configuration=_word(found, "configuration"),
        release=_word(found, "release").removeprefix("releases/"),
        version=_word(found, "version").rpartition(" ")[2],
        before=_word(found, "before"),
        before_release=_word(found, "before", 1).removeprefix("releases/"),
        fetched=_word(found, "fetched"),
        switching="switching" in found,
        reverted="reverted" in found,
        reboot="reboot" in found,
        breakglass="breakglass" in found,
        disk=_whole(_word(found, "disk")),
        free=_whole(_word(found, "disk", 1)),
        integrity=(_number(_word(found, "integrity")) or 0, " ".join(found.get("integrity", [])[1:])),
        failed=tuple(unit for unit in found.get("failed", []) if unit),
        units=_units(lines),
        handshakes=handshakes,
        health=_word(found, "health"),
    )


def _units(lines: Iterable[str]) -> dict[str, Unit]:
    """The blocks of `systemctl show`: properties in any order, an empty line between units."""
    found: dict[str, Unit] = {}
    block: dict[str, str] = {}
    for line in (*lines, ""):
        word, _, rest = line.partition("\t")
        if word == "unit":
            name, _, value = rest.partition("=")
            block[name] = value
        elif block:
            found[block.get("Id", "")] = Unit(
                loaded=block.get("LoadState") == "loaded",
                active=block.get("ActiveState", ""),
                result=block.get("Result", ""),
                last=_moment(block.get("LastTriggerUSec", "")),
                next=_moment(block.get("NextElapseUSecRealtime", "")),
            )
            block = {}
    return found


def _moment(text: str) -> float:
    """Seconds since 1970 of "Sat 2026-11-21 12:10:59 UTC"; 0 for none (systemd 252 and 257 know no number here)."""
    try:
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0


def _at(words: Words, index: int) -> str:
    return words[index] if index < len(words) else ""


def _word(found: Mapping[str, Words], name: str, index: int = 0) -> str:
    return _at(found.get(name, []), index)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
