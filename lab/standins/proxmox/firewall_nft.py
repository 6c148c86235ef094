"""A node's own input as an nftables table, from the cluster's file and its own (pve-firewall, src/PVE/Firewall.pm).

The order is Proxmox's: the host's rules, the cluster's, the built-in ones, the policy. Proxmox does it with iptables.
Only what comes in to the node itself is filtered: no traffic of containers, nothing that goes out.
"""

import hashlib
import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lab.standins.proxmox import BANNER
from lab.standins.proxmox.firewall import Files, Parsed, Rule

TABLE = "pve-standin"
MANAGEMENT_PORTS = ("8006", "5900-5999", "3128", "22", "60000-60050")
"""API, VNC, SPICE, SSH, migration: let in from the management set, which the local network always belongs to."""
COROSYNC_PORTS = "5404-5412"
_MACROS = {
    "SSH": ("tcp 22",),
    "Ping": ("icmp echo-request", "icmpv6 echo-request"),
    "HTTP": ("tcp 80",),
    "HTTPS": ("tcp 443",),
    "Web": ("tcp 80", "tcp 443"),
    "DNS": ("udp 53", "tcp 53"),
    "NTP": ("udp 123",),
    "PostgreSQL": ("tcp 5432",),
    "VNC": ("tcp 5900-5999",),
    "SPICEproxy": ("tcp 3128",),
}
_ICMP = {"echo-request", "echo-reply", "destination-unreachable", "time-exceeded", "redirect", "parameter-problem"}
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "jump refuse"}
_WITH_PORTS = {"tcp", "udp", "sctp", "dccp"}
_FAMILIES = {"icmp": 4, "igmp": 4, "icmpv6": 6, "ipv6-icmp": 6}
_REFUSE = """    chain refuse {
        fib daddr type { broadcast, multicast, anycast } drop
        meta l4proto icmp drop
        meta l4proto tcp reject with tcp reset
        meta l4proto udp reject with icmpx port-unreachable
        reject with icmpx admin-prohibited
    }"""
_FIRST = (
    "ct state invalid drop",
    "ct state established,related accept",
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
    "ip protocol igmp accept",
)
_STRAY = (
    "fib daddr type { broadcast, multicast, anycast } drop",
    "icmp type destination-unreachable icmp code frag-needed accept",
    "icmp type time-exceeded accept",
)
_POLICIES = {"ACCEPT": ("accept",), "DROP": (*_STRAY, "drop"), "REJECT": (*_STRAY, "jump refuse")}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class UnfilteredError(Exception):
    """A rule that Proxmox knows and this stand-in cannot filter by."""


@dataclass(frozen=True)
class Cluster:
    """What the node knows of its network: its own, and the addresses of the other nodes."""

    local_network: str
    others: Sequence[str] = ()


@dataclass(frozen=True)
class Ruleset:
    """The table's text, none when nothing is filtered; a mark by which it is found again; what it leaves out."""

    text: str = ""
    mark: str = ""
    faults: tuple[str, ...] = ()


@dataclass
class _Scope:
    aliases: Mapping[str, str]
    sets: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[Rule]]
    faults: list[str] = field(default_factory=list)

    def networks(self, text: str) -> list[_Network]:
        """The addresses that a rule or a set names."""
        name = text.lower().removeprefix("+").removeprefix("dc/")
        if text.startswith("+") and name not in self.sets:
            raise UnfilteredError(f"the set '{text}'")
        if text.startswith("+"):
            return [network for member in self.sets[name] for network in self.networks(member)]
        if text.startswith("!"):
            raise UnfilteredError(f"'{text}': exceptions in a set")
        if name in self.aliases:
            return [ipaddress.ip_network(self.aliases[name], strict=False)]
        return [network for part in text.split(",") for network in _part(part)]


def _part(text: str) -> list[_Network]:
    first, dash, last = text.partition("-")
    if not dash:
        return [ipaddress.ip_network(first, strict=False)]
    ends = (ipaddress.ip_address(first), ipaddress.ip_address(last))
    return list(ipaddress.summarize_address_range(*ends))


def _scope(cluster: Parsed, local_network: str) -> _Scope:
    aliases = {"local_network": local_network, **cluster.aliases}
    management = [*cluster.sets.get("management", ()), aliases["local_network"]]
    return _Scope(aliases, {**cluster.sets, "management": management}, cluster.groups)


def _addresses(keyword: str, networks: Sequence[_Network]) -> dict[int, str]:
    """A match for each family that has addresses; sets of intervals may not overlap."""
    found = {}
    for family, word in ((4, "ip"), (6, "ip6")):
        own = ipaddress.collapse_addresses(one for one in networks if one.version == family)  # type: ignore[type-var]
        if elements := ", ".join(map(str, own)):
            found[family] = f"{word} {keyword} {{ {elements} }}"
    return found


def _matches(rule: Rule, scope: _Scope) -> Iterator[tuple[int, str]]:
    """What a rule says of addresses: a match for each family, one for both (0) when it says nothing."""
    given = {"saddr": rule.options.get("source"), "daddr": rule.options.get("dest")}
    parts = [_addresses(keyword, scope.networks(text)) for keyword, text in given.items() if text]
    if not parts:
        yield 0, ""
    for family in (4, 6):
        if parts and all(family in part for part in parts):
            yield family, " ".join(part[family] for part in parts)


def _ports(text: str, protocol: str) -> str:
    found = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            number = first if first.isdigit() or "-" in first else str(socket.getservbyname(first, protocol))
        except OSError:
            raise UnfilteredError(f"the port '{part}'") from None
        found.append(f"{number}-{last}" if colon else number)
    return f"{{ {', '.join(dict.fromkeys(found))} }}"


def _services(rule: Rule) -> Iterator[tuple[int, str]]:
    """What a rule or its macro says of protocols and ports, with the family that it is possible in (0: both)."""
    if not rule.macro:
        protocol = rule.options.get("proto", "")
        yield _FAMILIES.get(protocol, 0), _service(protocol, rule.options)
        return
    if rule.macro not in _MACROS:
        raise UnfilteredError(f"the macro '{rule.macro}'")
    for line in _MACROS[rule.macro]:
        protocol, _, what = line.partition(" ")
        key = "icmp-type" if protocol in _FAMILIES else "dport"
        yield _FAMILIES.get(protocol, 0), _service(protocol, {key: what})


def _service(protocol: str, options: Mapping[str, str]) -> str:
    if protocol in _WITH_PORTS:
        ports = [f"{protocol} {k} {_ports(options[k], protocol)}" for k in ("sport", "dport") if k in options]
        return " ".join(ports) or f"meta l4proto {protocol}"
    kind = options.get("icmp-type")
    if kind is not None and (kind not in _ICMP or protocol not in _FAMILIES):
        raise UnfilteredError(f"the ICMP type '{kind}'")
    if kind is not None:
        return f"{protocol.replace('ipv6-icmp', 'icmpv6')} type {kind}"
    return f"meta l4proto {protocol}" if protocol else ""


def _rule(rule: Rule, scope: _Scope) -> list[str]:
    """The lines of one rule. Raises UnfilteredError."""
    if not rule.enabled or rule.direction in {"OUT", "FORWARD"}:
        return []
    interface = f'iifname "{rule.options["iface"]}" ' if "iface" in rule.options else ""
    if rule.group:
        return [interface + line for inner in scope.groups[rule.group] for line in _tried(inner, scope)]
    matches, services = list(_matches(rule, scope)), list(_services(rule))
    words = [(at, on) for family, at in matches for other, on in services if 0 in {family, other} or family == other]
    return [interface + " ".join(w for w in (at, on, _VERDICTS[rule.action]) if w) for at, on in words]


def _tried(rule: Rule, scope: _Scope) -> list[str]:
    try:
        return _rule(rule, scope)
    except UnfilteredError as fault:
        scope.faults.append(f"ESTATE LAB STAND-IN: not filtered by {fault}: {rule.line}")
        return []


def _built_in(scope: _Scope, others: Sequence[str]) -> Iterator[str]:
    for match in _addresses("saddr", scope.networks("+management")).values():
        yield f"{match} tcp dport {{ {', '.join(MANAGEMENT_PORTS)} }} accept"
    for match in _addresses("saddr", [ipaddress.ip_network(one) for one in others]).values():
        yield f"{match} udp dport {COROSYNC_PORTS} accept"
        # In corosync's place: a node of the lab is a member while its API answers (cluster.py)
        yield f"{match} tcp dport 8006 accept"


def ruleset(files: Files, around: Cluster) -> Ruleset:
    """The table for a node. Raises UnfilteredError for a management set or a policy that it cannot filter by."""
    cluster, host = files.cluster, files.host
    if not cluster.enabled or host.options.get("enable", "1") == "0":
        return Ruleset()
    scope = _scope(cluster, around.local_network)
    policy = cluster.options.get("policy_in", "DROP")
    if policy not in _POLICIES:
        raise UnfilteredError(f"the policy '{policy}'")
    blocked = _addresses("saddr", scope.networks("+blacklist")).values() if "blacklist" in scope.sets else ()
    lines = [*_FIRST, *(f"{match} drop" for match in blocked)]
    lines += [line for rule in (*host.rules, *cluster.rules) for line in _tried(rule, scope)]
    lines += [*_built_in(scope, around.others), *_POLICIES[policy]]
    return _table(lines, tuple(scope.faults))


def _table(lines: Sequence[str], faults: tuple[str, ...]) -> Ruleset:
    mark = f"files {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}"
    chain = "\n".join(f"        {line}" for line in (f'iifname "lo" accept comment "{mark}"', *lines))
    text = f"""# {BANNER}: the node's own input, and no container's traffic
table inet {TABLE} {{
{_REFUSE}
    chain input {{
        type filter hook input priority filter; policy accept;
{chain}
    }}
}}
"""
    return Ruleset(text, mark, faults)
