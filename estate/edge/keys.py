"""The fleet's public keys, pinned: WireGuard's of every node, and the one that the hub signs generations with.

They are read from the nodes once (`estate edge keys`), compared and committed, as known_hosts is. So rendering needs no
node, and a node that shows another key than the pinned one is noticed. A line is `NAME KEY`; `NAME KEY next` is the key
that a node is being moved to, which the hub knows beside the old one; `cache NAME:KEY` is the hub's signing key.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType

from pydantic import TypeAdapter, ValidationError

from estate.models.base import Name
from estate.models.edge import WireGuardKey
from estate.models.faults import EstateFaults, Fault

_ROOT = Path(__file__).resolve().parents[2]
CACHE = "cache"
"""The word that stands for the signing key where others have a node's name; no node may be called so."""
_SIGNING_KEY = re.compile(r"^[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=$")
_WIREGUARD_KEY = TypeAdapter[str](WireGuardKey)
_NAME = TypeAdapter[str](Name)
_HEAD = (
    "# Public keys of the edge fleet: estate edge keys writes this file; compare a key before you commit it.",
    "# NAME WIREGUARD-KEY [next], and cache SIGNING-KEY.",
)


def keys_path(estate_name: str) -> Path:
    """The file of an inventory's keys; the lab's goes with the lab."""
    if estate_name == "lab":
        return _ROOT / ".lab" / "wireguard.keys"
    return _ROOT / "inventories" / f"{estate_name}.wireguard"


def _empty() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Keys:
    """Public keys.

    + nodes: WireGuard's, by name of the node
    + following: the keys that nodes are being moved to
    + cache: the hub's signing key; empty until the hub has made it
    """

    nodes: Mapping[str, str] = field(default_factory=_empty)
    following: Mapping[str, str] = field(default_factory=_empty)
    cache: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))
        object.__setattr__(self, "following", MappingProxyType(dict(self.following)))

    def with_node(self, name: str, key: str) -> "Keys":
        """The same with this key of a node; a key that it was being moved to is settled by that."""
        following = {node: other for node, other in self.following.items() if node != name}
        return Keys({**self.nodes, name: key}, following, self.cache)

    def with_following(self, name: str, key: str) -> "Keys":
        """The same with a key that the node is about to use."""
        return Keys(self.nodes, {**self.following, name: key}, self.cache)

    def with_cache(self, key: str) -> "Keys":
        """The same with this signing key."""
        return Keys(self.nodes, self.following, key)

    def without(self, name: str) -> "Keys":
        """The same without a node that has gone."""
        nodes = {node: key for node, key in self.nodes.items() if node != name}
        following = {node: key for node, key in self.following.items() if node != name}
        return Keys(nodes, following, self.cache)

    def render(self) -> str:
        """The file's text: sorted, so that a difference shows what has changed."""
        lines = [f"{name} {key}" for name, key in self.nodes.items()]
        lines += [f"{name} {key} next" for name, key in self.following.items()]
        cache = [f"{CACHE} {self.cache}"] if self.cache else []
        return "".join(f"{line}\n" for line in (*_HEAD, *cache, *sorted(lines)))


def parse_keys(text: str, where: str) -> Keys:
    """The keys of a file's text; comments and empty lines are allowed. Raises EstateFaults with every fault."""
    nodes: dict[str, str] = {}
    following: dict[str, str] = {}
    cache = ""
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        path = f"{where}:{number}"
        found = list(_line_faults(words, path))
        faults += found
        if found:
            continue
        name, key = words[:2]
        if name == CACHE:
            faults += [_twice(path, name)] if cache else []
            cache = key
            continue
        group = following if words[2:] else nodes
        faults += [_twice(path, name)] if name in group else []
        group[name] = key
    if faults:
        raise EstateFaults(faults)
    return Keys(nodes, following, cache)


def load_keys(path: Path) -> Keys:
    """The keys of a file; none when there is no file yet. Raises EstateFaults with every fault."""
    return parse_keys(path.read_text(), path.name) if path.exists() else Keys()


def save_keys(path: Path, keys: Keys) -> None:
    """Write the file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(keys.render())
        file.flush()
        os.fsync(file.fileno())
    temporary = Path(file.name)
    temporary.chmod(0o644)
    temporary.replace(path)


def _twice(path: str, name: str) -> Fault:
    return Fault(path, f'"{name}" has a key above already', "keep the right one of the two")


def _line_faults(words: list[str], path: str) -> Iterator[Fault]:
    if len(words) not in (2, 3) or (len(words) == 3 and words[2] != "next"):
        yield Fault(path, "not NAME KEY, nor NAME KEY next", "correct it, or read the key again: estate edge keys")
        return
    name, key = words[:2]
    if name == CACHE:
        if len(words) == 3 or not _SIGNING_KEY.match(key):
            yield Fault(path, "not a public signing key", "take the text of /var/lib/estate/depot-key.pub on the hub")
        return
    if not _valid(_NAME, name):
        yield Fault(path, f'"{name}" cannot be the name of a node', "correct it")
    if not _valid(_WIREGUARD_KEY, key):
        yield Fault(path, "not a WireGuard public key", "take the text of: wg show wg0 public-key")


def _valid(adapter: TypeAdapter[str], value: str) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True
