"""Section files (storage.cfg, jobs.cfg, domains.cfg): `type: id`, then a tab, a key and a value a line."""

import re
from dataclasses import dataclass, field

_HEAD = re.compile(r"(\S+):\s*(\S+)\s*$")


@dataclass
class Section:
    """One section: what it is, its name, its settings in the order of the file."""

    kind: str
    name: str
    settings: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> dict[str, Section]:
    """The sections by name. Lines that are neither are passed over, as Proxmox does with a warning."""
    found: dict[str, Section] = {}
    current: Section | None = None
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head = _HEAD.match(line)
        if head and not line[0].isspace():
            current = found[head[2]] = Section(head[1], head[2])
        elif current and line[0].isspace():
            key, _, value = line.strip().partition(" ")
            current.settings[key] = value.strip() or "1"
    return found


def render(sections: dict[str, Section]) -> str:
    """The file's text."""
    blocks = []
    for section in sections.values():
        lines = [f"{section.kind}: {section.name}"]
        lines += [f"\t{key} {value}" for key, value in section.settings.items()]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
