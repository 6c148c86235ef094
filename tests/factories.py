"""Hosts and stacks to test with: the catalog's own declarations, and a mainframe that carries them."""

from typing import Any

from estate.models.host import MainframeHost, Resources, StackSettings, Tls, User
from estate.models.stack import Stack
from estate.services import CATALOG

ALTERNATIVES = ("minio", "promtail")
"""Services that take the place of another one and are not in a stack beside it."""


def settings(**over: Any) -> StackSettings:
    """The settings of production's stack."""
    values: dict[str, Any] = {
        "project": "prodg",
        "root": "/opt/prodg",
        "domain": "mainframe.prodg.studio",
        "network": "prodg-internal",
        "subnet": "172.28.0.0/24",
    }
    return StackSettings(**values | over)


def stack(*names: str) -> Stack:
    """A stack of these services of the catalog; without names, of all but the alternatives."""
    chosen = names or tuple(name for name in CATALOG if name not in ALTERNATIVES)
    return Stack(settings=settings(), services=tuple(CATALOG[name] for name in chosen))


def mainframe(**over: Any) -> MainframeHost:
    """A mainframe with production's shape and documentation addresses."""
    values: dict[str, Any] = {
        "name": "mainframe",
        "group": "mainframe",
        "address": "192.0.2.10",
        "users": (User(name="ops", admin=True),),
        "admin_keys": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops",),
        "resources": Resources(cpus=16, memory="64g"),
        "stack": settings(),
        "services": tuple(name for name in CATALOG if name not in ALTERNATIVES),
        "tls": Tls(email="ops@example.org"),
    }
    return MainframeHost(**values | over)
