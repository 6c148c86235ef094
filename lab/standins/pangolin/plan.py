"""What follows from the blueprints: ports in the tunnel, Traefik's configuration, Gerbil's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.standins.pangolin.blueprint import Resource, Target, parse
from lab.standins.pangolin.settings import Settings

FIRST_PORT = 40_000


@dataclass(frozen=True)
class Way:
    """A port at a site's tunnel address, and what it leads to."""

    site: int
    port: int
    resource: Resource
    target: Target

    @property
    def protocol(self) -> str:
        """As the tunnel carries it."""
        return "udp" if self.resource.mode == "udp" else "tcp"


def address(site: int) -> str:
    """A site's address in the tunnel network."""
    return f"100.89.137.{1 + site}"


def ways(blueprints: dict[int, str], settings: Settings) -> list[Way]:
    """Every way through a tunnel; ports are given in the order of the blueprint."""
    found = []
    for site, text in blueprints.items():
        port = FIRST_PORT
        for resource in parse(text, settings) if text else ():
            for target in resource.targets:
                found.append(Way(site, port, resource, target))
                port += 1
    return found


def _http(found: list[Way], settings: Settings) -> dict[str, Any]:
    routers: dict[str, Any] = {}
    services: dict[str, Any] = {}
    for way in found:
        name = f"{way.resource.key}-{way.port}"
        rule = f"Host(`{way.resource.domain}`)" + (f" && PathPrefix(`{way.target.path}`)" if way.target.path else "")
        routers[f"{name}-router"] = {
            **{"rule": rule, "service": f"{name}-service", "entryPoints": ["websecure"]},
            **{"middlewares": ["badger"], "tls": {"certResolver": settings.resolver}},
            "priority": 110 if way.target.path else 100,
        }
        url = f"http://{address(way.site)}:{way.port}"
        services[f"{name}-service"] = {"loadBalancer": {"servers": [{"url": url}]}}
    badger = {"apiBaseUrl": "http://pangolin:3001/api/v1", "userSessionCookieName": "p_session_token"}
    return {"routers": routers, "services": services, "middlewares": {"badger": {"plugin": {"badger": badger}}}}


def _raw(found: list[Way]) -> dict[str, Any]:
    routers: dict[str, Any] = {}
    services: dict[str, Any] = {}
    for way in found:
        entry = f"{way.resource.mode}-{way.resource.port}"
        rule = {} if way.protocol == "udp" else {"rule": "HostSNI(`*`)"}
        routers[f"{entry}-router"] = {"entryPoints": [entry], "service": f"{entry}-service", **rule}
        server = {"address": f"{address(way.site)}:{way.port}"}
        services[f"{entry}-service"] = {"loadBalancer": {"servers": [server]}}
    return {"routers": routers, "services": services}


def traefik(found: list[Way], settings: Settings) -> dict[str, Any]:
    """What Traefik's HTTP provider is told; sections without content are left out."""
    by_mode = {mode: [way for way in found if way.resource.mode == mode] for mode in ("http", "tcp", "udp")}
    document = {"http": _http(by_mode["http"], settings)} if by_mode["http"] else {}
    return document | {mode: _raw(by_mode[mode]) for mode in ("tcp", "udp") if by_mode[mode]}
