"""Property strings: `name=eth0,bridge=vmbr0,ip=10.0.0.11/24`, read against their schema and printed normalised."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.standins.proxmox.schema import BOOL, INT, TEXT, Param

Properties = dict[str, str]


@dataclass(frozen=True)
class Format:
    """A property string's keys; `default` is the key that may be left out before a first value."""

    keys: Mapping[str, Param]
    default: str = ""
    required: tuple[str, ...] = ()

    def parse(self, text: str) -> Properties:
        """The properties by name. Raises ValueError for an unknown key or a value that does not fit."""
        found: Properties = {}
        for part in (part.strip() for part in text.split(",") if part.strip()):
            key, equals, value = part.partition("=")
            if not equals:
                if not self.default or self.default in found:
                    raise ValueError(
                        f"format error\n{part}: value without key, but schema does not define a default key"
                    )
                key, value = self.default, part
            if key in found:
                raise ValueError(f"format error\n{key}: duplicate key in comma-separated list property: {key}")
            if key not in self.keys:
                raise ValueError(
                    f"format error\n{key}: property is not defined in schema "
                    "and the schema does not allow additional properties"
                )
            try:
                value = str(self.keys[key].value(value))
            except ValueError as fault:
                raise ValueError(f"format error\n{key}: {fault}") from fault
            found[key] = value
        for key in self.required:
            if key not in found:
                raise ValueError(f"format error\n{key}: property is missing and it is not optional")
        return found

    def format(self, properties: Properties) -> str:
        """The string as Proxmox writes it: the default key's value, what is required, then the rest by name."""
        first = [properties[self.default]] if self.default in properties else []
        required = [key for key in sorted(self.required) if key != self.default]
        rest = sorted(set(properties) - {self.default, *required})
        return ",".join([*first, *(f"{key}={properties[key]}" for key in [*required, *rest] if key in properties)])


def _where(check: Callable[[str], object], words: tuple[str, ...] = ()) -> Param:
    return Param(check=lambda text: text in words or check(text))


def _cidr(text: str) -> object:
    if "/" not in text:
        raise ValueError("value does not look like a valid IPv4 network configuration")
    return ipaddress.IPv4Interface(text)


def _cidr6(text: str) -> object:
    if "/" not in text:
        raise ValueError("value does not look like a valid IPv6 network configuration")
    return ipaddress.IPv6Interface(text)


def _prunable(text: str) -> int:
    return int(text)


NET = Format(
    {
        "name": Param(pattern=r"\S+"),
        "bridge": Param(pattern=r"[-_.\w\d]+"),
        "firewall": BOOL,
        "gw": _where(ipaddress.IPv4Address),
        "gw6": _where(ipaddress.IPv6Address),
        "hwaddr": Param(pattern=r"(?i)[0-9a-f][02468ace](:[0-9a-f]{2}){5}"),
        "ip": _where(_cidr, ("dhcp", "manual")),
        "ip6": _where(_cidr6, ("dhcp", "manual", "auto")),
        "link_down": BOOL,
        "mtu": Param("integer", minimum=64, maximum=65535),
        "rate": Param("number"),
        "tag": Param("integer", minimum=1, maximum=4094),
        "trunks": Param(pattern=r"\d+(?:;\d+)*"),
        "type": Param(enum=("veth",)),
        "host-managed": BOOL,
    },
    required=("name",),
)
_VOLUME = {
    "volume": TEXT,
    "acl": BOOL,
    "mountoptions": TEXT,
    "quota": BOOL,
    "replicate": BOOL,
    "ro": BOOL,
    "shared": BOOL,
    "size": Param(pattern=r"\d+(\.\d+)?[KMGT]?"),
}
ROOTFS = Format(_VOLUME, default="volume", required=("volume",))
MOUNT = Format(
    {**_VOLUME, "mp": Param(pattern=r"/[^:]*"), "backup": BOOL, "keepattrs": BOOL}, "volume", ("volume", "mp")
)
FEATURES = Format(
    dict.fromkeys(("force_rw_sys", "fuse", "keyctl", "mknod", "nesting"), BOOL) | {"mount": Param(pattern=r"[\w;]+")}
)
STARTUP = Format({"order": INT, "up": INT, "down": INT}, default="order")
PRUNE = Format(
    {"keep-all": BOOL}
    | {
        f"keep-{every}": Param("integer", minimum=0)
        for every in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    }
)
DEVICE = Format({"path": TEXT, "deny-write": BOOL, "gid": INT, "mode": TEXT, "uid": INT}, "path", ("path",))
VOLUME_KEY = re.compile(r"rootfs|mp\d+")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def parse_size(text: str) -> int:
    """Bytes of a size as in a configuration (8G). Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    if not found:
        raise ValueError(f"invalid size string '{text}'")
    return int(float(found[1]) * _UNITS[found[2]])


def format_size(size: int) -> str:
    """A size in the largest unit that gives a whole number, as in a configuration."""
    for unit in ("T", "G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)
