"""Hosts and stacks to test with: the catalog's own declarations, and a mainframe that carries them."""

from runpy import run_path
from typing import Any

from estate.models.host import HomelabHost, MainframeHost, VpsHost
from estate.models.host_parts import Resources, User
from estate.models.stack import Stack
from estate.models.stack_settings import StackSettings, Tls
from estate.models.vps import Fail2ban, PangolinSettings
from estate.render.templates import ROOT
from estate.services import CATALOG

SERVICES = tuple(sorted(run_path(str(ROOT / "group_data" / "mainframe.py"))["services"]))
"""What production's mainframe runs."""


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
    """A stack of these services of the catalog; without names, of the mainframe's."""
    chosen = names or SERVICES
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
        "services": SERVICES,
        "tls": Tls(email="ops@example.org"),
    }
    return MainframeHost(**values | over)


def homelab(**over: Any) -> HomelabHost:
    """A container of the homelab, with a stack's settings."""
    values: dict[str, Any] = {
        "name": "n8n",
        "group": "homelab",
        "address": "192.0.2.43",
        "users": (User(name="ops", admin=True),),
        "admin_keys": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops",),
        "resources": Resources(cpus=4, memory="4g"),
        "vmid": 143,
        "node": "dl380p",
        "rootfs": {"storage": "local-lvm", "size": "40g"},
        "network": {"network": "192.0.2.0/24", "gateway": "192.0.2.1"},
        "stack": settings(),
    }
    return HomelabHost(**values | over)


def vps(**over: Any) -> VpsHost:
    """A VPS with the seed's size and its services."""
    values: dict[str, Any] = {
        "name": "vps",
        "group": "vps",
        "address": "192.0.2.20",
        "users": (User(name="ops", admin=True),),
        "admin_keys": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops",),
        "resources": Resources(cpus=2, memory="4g"),
        "stack": settings(project="edge", root="/opt/edge", domain="example.org"),
        "services": ("pangolin", "gerbil", "traefik", "hbbr"),
        "tls": Tls(email="ops@example.org"),
        "public_address": "192.0.2.20",
        "swap": "2g",
        "pangolin": PangolinSettings(domain="example.org", admin_email="ops@example.org"),
        "fail2ban": Fail2ban(ignore=("198.51.100.0/24",)),
    }
    return VpsHost(**values | over)
