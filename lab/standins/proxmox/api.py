"""The API: which methods there are, with their parameters. `pvesh`, the other tools and the HTTPS server call these."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.schema import Param, Values, verify

Verb = Literal["get", "create", "set", "delete"]
TASK = "UPID"


@dataclass(frozen=True)
class Method:
    """One method: what runs it, and the worker's name when it is a task whose result is a UPID."""

    verb: Verb
    path: str
    run: Callable[[Node, Values], Any]
    params: Mapping[str, Param] = field(default_factory=dict)
    task: str = ""

    @property
    def in_path(self) -> tuple[str, ...]:
        """The parameters that the path has."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    def match(self, path: str) -> dict[str, str] | None:
        """The path's parameters, when it is this method's."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path.rstrip("/") or "/")
        return found.groupdict() if found else None

    def call(self, node: Node, texts: Mapping[str, str]) -> Any:
        """Check the parameters and run it. Raises PveError."""
        values = verify(texts, self.params)
        if not self.task:
            return self.run(node, values)
        vmid = values.get("vmid", "")
        upid = f"{TASK}:{node.name}:{0:08X}:{0:08X}:{int(node.now().timestamp()):08X}:{self.task}:{vmid}:root@pam:"
        try:
            self.run(node, values)
        except PveError as fault:
            _record(node, upid, fault.message)
            raise
        _record(node, upid, "OK")
        return upid


def _record(node: Node, upid: str, status: str) -> None:
    """The task's line in the node's list of tasks."""
    path = node.root / "var/log/pve/tasks/index"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as index:
        index.write(f"{upid} {int(node.now().timestamp()):08X} {status.splitlines()[-1]}\n")


def methods() -> tuple[Method, ...]:
    """Every method of the stand-in."""
    from lab.standins.proxmox import api_access, api_cluster, api_lxc, api_storage

    return (*api_cluster.METHODS, *api_storage.METHODS, *api_lxc.METHODS, *api_access.METHODS)


def find(verb: str, path: str) -> tuple[Method, dict[str, str]]:
    """The method for a path, and the path's parameters. Raises PveError."""
    for method in methods():
        if method.verb == verb and (found := method.match(path)) is not None:
            return method, found
    raise PveError(f"no '{verb}' handler for '{path}'")


def by_path(verb: str, path: str) -> Method:
    """The method that is declared with a path."""
    return next(method for method in methods() if (method.verb, method.path) == (verb, path))


def children(path: str) -> list[str]:
    """The next parts of the paths below a path, for `pvesh ls`."""
    depth = len([part for part in path.split("/") if part])
    found = set()
    for method in methods():
        parts = [part for part in method.path.split("/") if part]
        if (
            len(parts) > depth
            and Method("get", "/" + "/".join(parts[:depth]), _none).match("/" + path.strip("/")) is not None
        ):
            found.add(parts[depth])
    if not found:
        raise PveError(f"no such resource '{path}'")
    return sorted(found)


def _none(node: Node, values: Values) -> None:
    return None
