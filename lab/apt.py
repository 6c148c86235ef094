"""The machine's own way to Debian packages, read at run time and never written into the repository."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.run import have, run

SUITE = "trixie"
_CARRIED = re.compile(r"^Acquire::(https?::|Check-|Retries|AllowInsecure|ForceIPv)[^ ]* ", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One repository of the machine's apt sources."""

    uri: str
    suite: str


def parse_deb822(text: str) -> list[Source]:
    """The repositories of a `.sources` file."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            key.strip().lower(): value.split()
            for key, _, value in (line.partition(":") for line in stanza.splitlines() if line[:1] not in "# \t")
        }
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            found += [Source(uri, suite) for uri in fields.get("uris", []) for suite in fields.get("suites", [])]
    return found


def parse_list(text: str) -> list[Source]:
    """The repositories of a one-line-style `.list` file."""
    lines = re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+\S", text, re.MULTILINE)
    return [Source(uri, suite) for uri, suite in lines]


def machine_sources(root: Path = Path("/etc/apt")) -> list[Source]:
    """Every repository in the machine's apt sources."""
    lists = [root / "sources.list", *sorted(root.glob("sources.list.d/*.list"))]
    found = [source for path in lists if path.exists() for source in parse_list(path.read_text())]
    for path in sorted(root.glob("sources.list.d/*.sources")):
        found += parse_deb822(path.read_text())
    return found


def host_sources(sources: Iterable[Source], suite: str = SUITE) -> list[str]:
    """Source lines of the hosts' suite at the mirrors the machine itself uses; empty when it uses none."""
    known = [s for s in sources if re.search(r"/debian(-security)?/?$", s.uri)]
    main = next((s.uri for s in known if not s.suite.endswith("-security")), None)
    security = next((s.uri for s in known if s.suite.endswith("-security")), None)
    if main is None:
        return []
    lines = [f"deb {main} {suite} main", f"deb {main} {suite}-updates main"]
    return [*lines, f"deb {security} {suite}-security main"] if security else lines


def carried_settings(dump: str) -> str:
    """The part of `apt-config dump` that says how to reach a mirror: proxies, certificates, date checks."""
    return "".join(f"{line}\n" for line in dump.splitlines() if _CARRIED.match(line) and '""' not in line)


def machine_settings() -> str:
    """The machine's own apt settings that hosts need to reach the mirror."""
    return carried_settings(run(["apt-config", "dump"]).stdout) if have("apt-config") else ""


def machine_authorities(folder: Path = Path("/usr/local/share/ca-certificates")) -> dict[str, bytes]:
    """Certificate authorities that were added to the machine by hand, by file name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.crt"))} if folder.exists() else {}
