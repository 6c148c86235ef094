"""Realms, /etc/pve/domains.cfg: `pveum realm`."""

from typing import Any

from lab.standins.proxmox import options, sections
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node

CONFIG = "domains.cfg"
INITIAL = (
    "pam: pam\n\tcomment Linux PAM standard authentication\n\npve: pve\n\tcomment Proxmox VE authentication server\n"
)
_NUMERIC = {"autocreate", "default", "groups-autocreate", "groups-overwrite", "query-userinfo", "case-sensitive"}


def load(node: Node) -> dict[str, sections.Section]:
    """The realms by name."""
    return sections.parse(node.read(CONFIG) or INITIAL)


def _setting(key: str, value: str) -> str | int:
    return int(value) if key in _NUMERIC else value


def rows(node: Node) -> list[dict[str, Any]]:
    """Every realm, without its settings, as the login page may see them."""
    rows = []
    for one in load(node).values():
        shown = {key: _setting(key, one.settings[key]) for key in ("comment", "default") if key in one.settings}
        row: dict[str, Any] = {"realm": one.name, "type": one.kind}
        rows.append(row | shown)
    return rows


def get(node: Node, name: str) -> dict[str, Any]:
    """A realm's settings, the client's key among them. Raises PveError."""
    one = load(node).get(name)
    if one is None:
        raise PveError(f"domain '{name}' does not exist")
    found: dict[str, Any] = {"type": one.kind}
    return found | {key: _setting(key, value) for key, value in one.settings.items()}


def write(node: Node, values: dict[str, Any], new: bool) -> None:
    """Make a realm, or change one; `username-claim` is fixed then. Raises PveError."""
    name, kind, delete = values.pop("realm"), values.pop("type", ""), values.pop("delete", "")
    values.pop("digest", None)
    emsg = "add auth server failed" if new else "update auth server failed"
    with node.cfs_lock(CONFIG):
        found = load(node)
        if new:
            _check_new(found, name, kind, values, emsg)
        elif name not in found:
            raise PveError(f"{emsg}: domain '{name}' does not exist")
        elif not values and not delete:
            raise PveError(f"{emsg}: no options specified")
        if values.get("default"):
            for one in found.values():
                one.settings.pop("default", None)
        section = found.setdefault(name, sections.Section(kind, name))
        section.settings |= {key: str(value) for key, value in values.items()}
        for key in options.split(delete):
            section.settings.pop(key, None)
        node.write(CONFIG, sections.render(found))


def _check_new(found: dict[str, sections.Section], name: str, kind: str, values: dict[str, Any], emsg: str) -> None:
    if name in found and name not in {"pam", "pve"}:
        raise PveError(f"{emsg}: domain '{name}' already exists")
    if name in {"pam", "pve"}:
        raise PveError(f"{emsg}: unable to use reserved name '{name}'")
    if kind != "openid":
        raise PveError(f"{emsg}: ESTATE LAB STAND-IN: realms of type '{kind}' are not here; openid is")
    missing = [key for key in ("issuer-url", "client-id") if key not in values]
    if missing:
        raise ParamError(dict.fromkeys(missing, "property is missing and it is not optional"))


def delete(node: Node, name: str) -> None:
    """Delete a realm. Raises PveError."""
    with node.cfs_lock(CONFIG):
        found = load(node)
        if name in {"pam", "pve"} or found.pop(name, None) is None:
            raise PveError(f"delete auth server failed: domain '{name}' does not exist")
        node.write(CONFIG, sections.render(found))
