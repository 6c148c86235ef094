"""Traefik's dynamic configuration as Caddy's JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from lab.standins.traefik.static import EntryPoint, Static

ADMIN = "127.0.0.1:2019"
_TERM = re.compile(r"^(!?)(Host|PathPrefix)\(`([^`]+)`\)$")
_VERSIONS = {"VersionTLS12": "tls1.2", "VersionTLS13": "tls1.3"}
Document = dict[str, Any]


class RouterError(ValueError):
    """The router is left out, as Traefik does with one that it cannot build."""


def merged(providers: dict[str, Document], kind: str, part: str) -> dict[str, Any]:
    """All routers, services or middlewares by NAME@PROVIDER."""
    return {
        f"{name}@{provider}": item
        for provider, document in providers.items()
        for name, item in ((document.get(kind) or {}).get(part) or {}).items()
    }


def qualified(name: str, own: str) -> str:
    """A name as seen from a provider."""
    return name if "@" in name else f"{name}@{own}"


def matcher(rule: str) -> Document:
    """Caddy's matcher of a rule. Raises RouterError for what this stand-in does not know."""
    found: Document = {}
    for term in rule.split("&&"):
        match = _TERM.match(term.strip())
        if match is None:
            raise RouterError(f"this stand-in does not know the rule {term.strip()}")
        negated, kind, value = match.groups()
        item = {"host": [value]} if kind == "Host" else {"path": [value, f"{value.rstrip('/')}/*"]}
        if negated:
            found.setdefault("not", []).append(item)
        else:
            found |= item
    return found


def _headers(name: str, middlewares: dict[str, Any], plugins: frozenset[str]) -> Document:
    """The response headers that a middleware sets."""
    given = middlewares.get(name)
    if given is None:
        raise RouterError(f'middleware "{name}" does not exist')
    if "plugin" in given:
        if missing := set(given["plugin"]) - plugins:
            raise RouterError(f"unknown plugin type: {', '.join(sorted(missing))}")
        return {}
    if given.keys() != {"headers"}:
        raise RouterError(f"this stand-in does not know the middleware {name}")
    headers, found = given["headers"], {}
    if seconds := headers.get("stsSeconds"):
        words = [f"max-age={seconds}"]
        words += ["includeSubDomains"] if headers.get("stsIncludeSubdomains") else []
        words += ["preload"] if headers.get("stsPreload") else []
        found["Strict-Transport-Security"] = ["; ".join(words)]
    if headers.get("contentTypeNosniff"):
        found["X-Content-Type-Options"] = ["nosniff"]
    return found


def _upstream(service: Document | None, name: str) -> Document:
    if service is None:
        raise RouterError(f"the service {name} does not exist")
    urls = [urlsplit(server["url"]) for server in service["loadBalancer"]["servers"]]
    return {"handler": "reverse_proxy", "upstreams": [{"dial": f"{u.hostname}:{u.port or 80}"} for u in urls]}


def _route(name: str, router: Document, entry: EntryPoint, providers: dict[str, Document], static: Static) -> Document:
    own = name.partition("@")[2]
    middlewares = merged(providers, "http", "middlewares")
    wanted = (*entry.middlewares, *(qualified(item, own) for item in router.get("middlewares", ())))
    headers: Document = {}
    for item in wanted:
        headers |= _headers(item, middlewares, static.plugins)
    service = qualified(router["service"], own)
    proxy = _upstream(merged(providers, "http", "services").get(service), service)
    response = [{"handler": "headers", "response": {"set": headers, "deferred": True}}] if headers else []
    return {"match": [matcher(router["rule"])], "handle": [*response, proxy], "terminal": True}


def routes(
    entry: EntryPoint, providers: dict[str, Document], static: Static
) -> Iterator[tuple[str, Document | None, str]]:
    """Every router of an entry point, the most specific first: name, and Caddy's route or why there is none."""
    routers = merged(providers, "http", "routers")
    order = sorted(routers.items(), key=lambda item: (-(item[1].get("priority") or len(item[1]["rule"])), item[0]))
    for name, router in order:
        if entry.name in router.get("entryPoints", ()):
            try:
                yield name, _route(name, router, entry, providers, static), ""
            except RouterError as fault:
                yield name, None, str(fault)


def _issuer(static: Static, authorities: str) -> Document:
    acme = static.acme
    issuer = {"module": "acme", "email": acme.get("email", "")}
    issuer |= {"ca": acme["caServer"]} if acme.get("caServer") else {}
    return issuer | ({"trusted_roots_pem_files": [authorities]} if authorities else {})


def _server(entry: EntryPoint, found: list[Document], static: Static, options: Document) -> Document:
    # Traefik speaks HTTP/3 only when it is asked to
    server: Document = {"listen": [f"{entry.host}:{entry.port}"], "routes": found, "protocols": ["h1", "h2"]}
    if static.access_log and entry.name != static.ping:
        server["logs"] = {}
    if not entry.tls:
        return server | {"automatic_https": {"disable": True}}
    policy = {"protocol_min": _VERSIONS[options.get("minVersion", "VersionTLS12")]}
    return server | {
        "tls_connection_policies": [policy],
        "automatic_https": {"disable_redirects": True},
        "strict_sni_host": True,
    }


def _entry_routes(
    entry: EntryPoint, providers: dict[str, Document], static: Static
) -> tuple[list[Document], list[str]]:
    """Caddy's routes of an entry point, and why some routers have none."""
    if entry.name == static.ping:
        return [{"match": [{"path": ["/ping"]}], "handle": [{"handler": "static_response", "body": "OK"}]}], []
    if entry.redirect_to:
        to = "https://{http.request.host}{http.request.uri}"
        return [{"handle": [{"handler": "static_response", "status_code": 301, "headers": {"Location": [to]}}]}], []
    found, faults = [], []
    for name, route, fault in routes(entry, providers, static):
        if route is None:
            faults.append(f"{name}: {fault}")
        else:
            found.append(route)
    nothing = {"handler": "static_response", "status_code": 404, "body": "404 page not found\n"}
    return [*found, {"handle": [nothing]}], faults


def _hosts(found: list[Document]) -> set[str]:
    return {host for route in found for match in route.get("match", ()) for host in match.get("host", ())}


def config(static: Static, providers: dict[str, Document], authorities: str = "") -> tuple[Document, list[str]]:
    """Caddy's whole configuration, and what Traefik would log about routers that it cannot build."""
    options: Document = {}
    for document in providers.values():
        options |= ((document.get("tls") or {}).get("options") or {}).get("default") or {}
    servers: Document = {}
    hosts: set[str] = set()
    faults: list[str] = []
    for entry in static.entry_points.values():
        if not (entry.tls or entry.redirect_to or entry.name == static.ping):
            continue
        found, wrong = _entry_routes(entry, providers, static)
        faults += wrong
        hosts |= _hosts(found) if entry.tls else set()
        servers[entry.name] = _server(entry, found, static, options)
    apps: Document = {"http": {"servers": servers}}
    if hosts:
        policy = {"subjects": sorted(hosts), "issuers": [_issuer(static, authorities)]}
        apps["tls"] = {"automation": {"policies": [policy]}, "certificates": {"automate": sorted(hosts)}}
    return {
        "admin": {"listen": ADMIN, "config": {"persist": False}},
        "storage": {"module": "file_system", "root": _storage(static)},
        "logging": _logging(),
        "apps": apps,
    }, faults


def _storage(static: Static) -> str:
    return str(static.acme.get("storage", "/letsencrypt/acme.json")).rpartition("/")[0] + "/stand-in"


def _logging() -> Document:
    """Requests to standard output, where they are read and written in the common format; the rest to the other."""
    access = "http.log.access"
    return {
        "logs": {
            "default": {"writer": {"output": "stderr"}, "level": "WARN", "exclude": [access]},
            "access": {"writer": {"output": "stdout"}, "encoder": {"format": "json"}, "include": [access]},
        }
    }
