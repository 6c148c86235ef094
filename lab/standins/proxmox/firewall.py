"""The firewall's files, and what is wrong in them.

Files: pve-docs pve-firewall.adoc; facts/homelab-vps.md §1.6.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.standins.proxmox.node import Node

CLUSTER = "firewall/cluster.fw"
_SECTIONS = {
    "cluster": ("OPTIONS", "RULES", "ALIASES", "IPSET", "GROUP"),
    "host": ("OPTIONS", "RULES"),
    "guest": ("OPTIONS", "RULES", "ALIASES", "IPSET"),
}
_OPTIONS = {
    "cluster": {"enable", "policy_in", "policy_out", "policy_forward", "log_ratelimit", "ebtables"},
    "host": {"enable", "nosmurfs", "tcpflags", "ndp", "nftables", "protection_synflood", "log_level_in",
             "log_level_out", "log_level_forward", "log_nf_conntrack", "nf_conntrack_max", "nf_conntrack_allow_invalid",
             "nf_conntrack_helpers", "nf_conntrack_tcp_timeout_established", "smurf_log_level", "tcp_flags_log_level",
             "protection_synflood_rate", "protection_synflood_burst", "nf_conntrack_tcp_timeout_syn_recv"},
    "guest": {"enable", "dhcp", "ipfilter", "log_level_in", "log_level_out", "macfilter", "ndp", "policy_in",
              "policy_out", "radv"},
}  # fmt: skip
_MACROS = """
    Amanda Auth BGP BitTorrent BitTorrent32 CVS Ceph Citrix DAAP DCC DHCPfwd DHCPv6 DNS Distcc FTP Finger
    GNUnet GRE Git HKP HTTP HTTPS ICPV2 ICQ IMAP IMAPS IPIP IPsec IPsecah IPsecnat IRC Jetdirect L2TP LDAP
    LDAPS MDNS MSNP MSSQL Mail Munin MySQL NNTP NNTPS NTP NeighborDiscovery OSPF OpenVPN PCA PMG POP3 POP3S
    PPtP Ping PostgreSQL Printer RDP RIP RNDC Razor Rdate Rsync SANE SMB SMBswat SMTP SMTPS SNMP SPAMD
    SPICEproxy SSH SVN SixXS Squid Submission Syslog TFTP Telnet Telnets Time Trcrt VNC VNCL Web Webcache
    Webmin Whois
"""
MACROS = frozenset(_MACROS.split())
_WITH_VALUE = {"source", "dest", "dport", "sport", "proto", "iface", "log", "icmp-type"}
_SHORT = {"i": "iface", "p": "proto"}
_RULE = re.compile(r"\|?(IN|OUT|FORWARD)\s+(?:(\w+)\((ACCEPT|DROP|REJECT)\)|(ACCEPT|DROP|REJECT))(?=\s|$)(.*)")
_GROUP = re.compile(r"\|?GROUP\s+([A-Za-z][\w-]+)(?:\s+-(?:i|iface)\s+(\S+))?$")
_LOG = {"nolog", "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}


@dataclass(frozen=True)
class Rule:
    """A rule's line and its parts; `group` instead of direction and action where it names a security group."""

    line: str
    direction: str = ""
    action: str = ""
    macro: str = ""
    group: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Unless a bar stands before it."""
        return not self.line.startswith("|")


@dataclass
class Parsed:
    """A file: its options, its rules, what it names, what is wrong."""

    options: dict[str, str] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    sets: dict[str, list[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[Rule]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def enabled(self) -> bool:
        """The file's own switch, which is off unless it says otherwise."""
        return self.options.get("enable", "0") not in {"0", ""}


def parse(text: str, kind: str, name: str, cluster: Parsed | None = None) -> Parsed:
    """Read a file of a kind (cluster, host, guest); faulty lines are told, and left out, as Proxmox does."""
    found, section = Parsed(), ("", "")
    lines = [(number, line.split("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    for _, line in lines:
        if named := re.fullmatch(r"\[(ipset|group)\s+(\S+)\]", line, re.IGNORECASE):
            table: dict[str, Any] = found.sets if named[1].lower() == "ipset" else found.groups
            table.setdefault(named[2].lower(), [])
    for number, line in lines:
        if not line:
            continue
        try:
            section = _line(found, kind, section, line, cluster)
        except ValueError as fault:
            found.faults.append(f"{name} (line {number}) - {fault}")
    return found


def _line(found: Parsed, kind: str, at: tuple[str, str], line: str, cluster: Parsed | None) -> tuple[str, str]:
    if line.startswith("["):
        head = re.fullmatch(r"\[(\w+)(?:\s+([A-Za-z][\w-]*))?\]", line)
        if not head or head[1].upper() not in _SECTIONS[kind]:
            raise ValueError(f"ignore section: {line}")
        return head[1].upper(), (head[2] or "").lower()
    section, name = at
    if section == "OPTIONS":
        key, colon, value = line.partition(":")
        if not colon or key.strip() not in _OPTIONS[kind]:
            raise ValueError(f"can't parse option '{line}'")
        found.options[key.strip()] = value.strip()
    elif section in {"RULES", "GROUP"}:
        (found.rules if section == "RULES" else found.groups.setdefault(name, [])).append(_rule(found, line, cluster))
    elif section == "ALIASES":
        alias, _, address = line.partition(" ")
        _address(address.strip())
        found.aliases[alias.lower()] = address.strip()
    elif section == "IPSET":
        _known_address(line.lstrip("! "), found, cluster)
        found.sets.setdefault(name, []).append(line)
    else:
        raise ValueError(f"skip line outside any section: {line}")
    return at


def _address(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"invalid address '{text}'") from None


def _known_address(text: str, found: Parsed, cluster: Parsed | None) -> None:
    outer = cluster or Parsed()
    name = re.sub(r"^(dc|guest)/", "", text.lower())
    if text.startswith("+"):
        if name.lstrip("+").removeprefix("dc/").removeprefix("guest/") not in {*found.sets, *outer.sets}:
            raise ValueError(f"no such ipset '{text.lstrip('+')}'")
    elif re.fullmatch(r"[a-z][\w-]+", name):
        if name not in found.aliases and name not in outer.aliases and name != "local_network":
            raise ValueError(f"no such alias '{text}'")
    else:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            _address(first)
            if dash:
                _address(last)


def _rule(found: Parsed, line: str, cluster: Parsed | None) -> Rule:
    if line.lstrip("|").startswith("GROUP"):
        named = _GROUP.fullmatch(line)
        if not named or named[1].lower() not in {*found.groups, *(cluster.groups if cluster else ())}:
            raise ValueError(f"errors in rule parameters: {line}\n  action: security group does not exist")
        return Rule(line, group=named[1].lower(), options={"iface": named[2]} if named[2] else {})
    match = _RULE.fullmatch(line)
    if not match:
        raise ValueError(f"unable to parse rule parameters: {line}")
    if match[2] and match[2] not in MACROS:
        raise ValueError(f"errors in rule parameters: {line}\n  macro: unknown macro '{match[2]}'")
    given = _options(match[5].split(), line)
    _check(given, line, found, cluster)
    return Rule(line, match[1], match[3] or match[4], match[2] or "", options=given)


def _options(words: list[str], line: str) -> dict[str, str]:
    given: dict[str, str] = {}
    while words:
        option = words.pop(0).lstrip("-")
        option = _SHORT.get(option, option)
        if option not in _WITH_VALUE or not words:
            raise ValueError(f"unable to parse rule parameters: {line}")
        given[option] = words.pop(0)
    return given


def _check(given: Mapping[str, str], line: str, found: Parsed, cluster: Parsed | None) -> None:
    for key in ("source", "dest"):
        if key in given:
            _known_address(given[key], found, cluster)
    if ("dport" in given or "sport" in given) and given.get("proto", "") not in {"tcp", "udp", "sctp", "dccp"}:
        raise ValueError(
            f"errors in rule parameters: {line}\n  proto: missing property - 'dport' requires this property"
        )
    if given.get("log", "nolog") not in _LOG:
        raise ValueError(f"errors in rule parameters: {line}\n  log: invalid log level")


@dataclass(frozen=True)
class Files:
    """The files of a node: the cluster's, its own, and those of containers by their number."""

    cluster: Parsed
    host: Parsed
    guests: Mapping[str, Parsed] = field(default_factory=dict)

    def named(self) -> dict[str, Parsed]:
        """All of them by the names that they are told by."""
        return {"cluster": self.cluster, "host": self.host, **self.guests}


def read(node: Node, guests: bool = True) -> Files:
    """The files as they are now; without the containers' where they are not asked for."""
    cluster = parse(node.read(CLUSTER), "cluster", f"/etc/pve/{CLUSTER}")
    own = f"nodes/{node.name}/host.fw"
    paths = sorted((node.pve / "firewall").glob("[0-9]*.fw")) if guests else []
    return Files(
        cluster,
        parse(node.read(own), "host", f"/etc/pve/{own}", cluster),
        {path.stem: parse(path.read_text(), "guest", f"/etc/pve/firewall/{path.name}", cluster) for path in paths},
    )


def forget_guest(node: Node, vmid: int) -> None:
    """Delete the file of a container that is gone."""
    path: Path = node.pve / f"firewall/{vmid}.fw"
    path.unlink(missing_ok=True)
