"""A container's configuration, /etc/pve/lxc/VMID.conf: its values, its description, and its snapshots as sections.

Format: pve-docs pct.conf.5; facts/homelab-vps.md §1.2.
"""

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_LINE = re.compile(r"([a-z][a-z_]*\d*|lxc\.[a-z0-9_.\-]+):\s*(.*?)\s*$")
_SECTION = re.compile(r"\[(pve:pending|[A-Za-z][A-Za-z0-9_-]+)\]\s*$")
_PENDING = "pve:pending"
INTEGERS = frozenset({"cores", "memory", "swap", "onboot", "protection", "unprivileged", "tty", "console", "template"})


def encode(text: str) -> str:
    """URL-encoding of a description: control characters, `%`, `:` and what is not ASCII."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in char.encode()) if ord(char) < 32 or ord(char) > 126 or char in "%:" else char
        for char in text
    )


@dataclass
class Part:
    """The current configuration, or one snapshot's."""

    values: dict[str, str] = field(default_factory=dict)
    description: str = ""
    raw: list[tuple[str, str]] = field(default_factory=list)
    """`lxc.*` lines, which may occur more than once."""

    def render(self) -> str:
        """The part's lines."""
        lines = [f"#{encode(line)}" for line in self.description.splitlines()]
        lines += [f"{key}: {value}" for key, value in sorted(self.values.items())]
        lines += [f"{key}: {value}" for key, value in self.raw]
        return "".join(f"{line}\n" for line in lines)


@dataclass
class Config:
    """What a file says."""

    current: Part = field(default_factory=Part)
    pending: Part = field(default_factory=Part)
    """What a running container takes at its next start; its `delete` names settings to be dropped then."""
    snapshots: dict[str, Part] = field(default_factory=dict)
    digest: str = ""

    @property
    def values(self) -> dict[str, str]:
        """The current values."""
        return self.current.values

    @property
    def lock(self) -> str:
        """The operation that holds the container; empty for none."""
        return self.values.get("lock", "")

    def coming(self) -> Part:
        """The current part with what is pending, as `pct config` shows it."""
        dropped = set(filter(None, self.pending.values.get("delete", "").split(",")))
        values = {key: value for key, value in self.values.items() if key not in dropped}
        values |= {key: value for key, value in self.pending.values.items() if key != "delete"}
        return Part(values, self.current.description, self.current.raw)

    def volumes(self) -> dict[str, str]:
        """Its rootfs and mount points, as property strings."""
        keys = sorted(key for key in self.values if key == "rootfs" or re.fullmatch(r"mp\d+", key))
        return {key: self.values[key] for key in keys}


def parse(text: str) -> Config:
    """Read a file; what is no line of a configuration is passed over."""
    config = Config(digest=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
    part = config.current
    for line in text.splitlines():
        if section := _SECTION.match(line):
            part = config.pending if section[1] == _PENDING else config.snapshots.setdefault(section[1], Part())
        elif line.startswith("#"):
            part.description += unquote(line[1:]) + "\n"
        elif found := _LINE.match(line):
            if found[1].startswith("lxc."):
                part.raw.append((found[1], found[2]))
            else:
                part.values[found[1]] = found[2]
    return config


def render(config: Config) -> str:
    """The file's text: the current part, what is pending, then each snapshot's section."""
    parts = dict(sorted(config.snapshots.items()))
    if config.pending.values:
        parts = {_PENDING: config.pending} | parts
    sections = [f"\n[{name}]\n{part.render()}" for name, part in parts.items()]
    return config.current.render() + "".join(sections)


def typed(values: dict[str, str]) -> dict[str, str | int]:
    """Values as the API gives them: numbers as numbers."""
    return {key: int(value) if key in INTEGERS and value.isdigit() else value for key, value in values.items()}
