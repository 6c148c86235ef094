"""Checks of single sign-on: every client has its consumer, its redirect URIs and its policy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from estate.models.faults import Fault, did_you_mean
from estate.models.host import HomelabHost, Host, ProxmoxHost
from estate.models.service import Service
from estate.models.sso import Application, GuardedSite, OidcClient, Policy, SsoSettings
from estate.models.stack import Stack
from estate.neighbours import neighbours
from estate.sso.clients import CLIENTS, GROUPS, POLICIES, SITES, issuer, redirects
from estate.sso.place import place

WORKER = "authentik-worker"
_WHERE = "estate/sso/clients.py"
_GRAFANA_PATH = "/login/generic_oauth"


@dataclass(frozen=True)
class Declared:
    """What is checked: the declarations, and the estate that they are to fit."""

    hosts: Mapping[str, Host]
    stacks: Mapping[str, Stack]
    settings: SsoSettings
    clients: Sequence[OidcClient] = CLIENTS
    sites: Sequence[GuardedSite] = SITES
    policies: Mapping[str, Policy] = field(default_factory=lambda: POLICIES)

    def service(self, name: str) -> Service | None:
        """The service of that name, wherever it runs."""
        return next((stack.service(name) for stack in self.stacks.values() if name in stack), None)

    @property
    def in_use(self) -> list[OidcClient]:
        """The clients that are not merely prepared."""
        return [client for client in self.clients if not client.off]

    @property
    def nodes(self) -> list[ProxmoxHost]:
        """The Proxmox nodes."""
        return [host for host in self.hosts.values() if isinstance(host, ProxmoxHost)]


def check_estate(hosts: Mapping[str, Host], stacks: Mapping[str, Stack]) -> list[Fault]:
    """Faults of the estate's declarations; none where no Authentik runs."""
    server = next((hosts[name] for name, stack in stacks.items() if WORKER in stack), None)
    if not isinstance(server, HomelabHost) or server.stack is None:
        return []
    if not server.internal_networks:
        path = f"group_data/{server.group}/internal_networks"
        return [Fault(path, "missing", "say from which networks a login is at home")]
    return check(
        Declared(hosts, stacks, place(server.stack.domain, server.internal_networks, neighbours(hosts, stacks)))
    )


def check(declared: Declared) -> list[Fault]:
    """Every fault of the declarations in an estate."""
    return [
        *_names(declared),
        *(fault for application in (*declared.clients, *declared.sites) for fault in _policy(declared, application)),
        *(fault for client in declared.in_use for fault in _consumer(declared, client)),
        *(fault for client in declared.in_use for fault in _redirects(declared, client)),
        *(fault for site in declared.sites if not site.off for fault in _guarded(declared, site)),
        *_realms(declared),
    ]


def _names(declared: Declared) -> Iterator[Fault]:
    names = [application.name for application in (*declared.clients, *declared.sites)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(f"{_WHERE}/{name}", "is declared twice", "give each a name of its own: it is the client id")


def _policy(declared: Declared, application: Application) -> Iterator[Fault]:
    if application.policy not in declared.policies:
        remedy = did_you_mean(application.policy, declared.policies)
        yield Fault(f"{_WHERE}/{application.name}/policy", f"there is no policy {application.policy}", remedy)
    for group in application.groups:
        if group not in GROUPS:
            remedy = did_you_mean(group, GROUPS)
            yield Fault(f"{_WHERE}/{application.name}/groups", f"Authentik has no group {group} from us", remedy)
    if not application.groups:
        fault = "no group may use it, and without a binding Authentik lets everybody in"
        yield Fault(f"{_WHERE}/{application.name}/groups", fault, "name the groups that may")


def _consumer(declared: Declared, client: OidcClient) -> Iterator[Fault]:
    path, remedy = f"{_WHERE}/{client.name}/consumer", "add it, or say with `off` why the client is only prepared"
    if client.consumer == "proxmox":
        if not any(realm.client_id == client.name for node in declared.nodes for realm in node.realms):
            yield Fault(path, "no Proxmox node has a realm with this client", "set realms in group_data/proxmox.py")
        return
    service = declared.service(client.consumer)
    if service is None:
        yield Fault(path, f"no host runs {client.consumer}", remedy)
    elif not client.by_hand and client.secret not in {spec.name for spec in service.secrets}:
        fault = f"{client.consumer} does not declare {client.secret}"
        yield Fault(path, fault, "take environment and secret from estate/sso/consumers.py")


def _redirects(declared: Declared, client: OidcClient) -> Iterator[Fault]:
    path = f"{_WHERE}/{client.name}/redirects"
    found = redirects(client, declared.settings)
    if not found:
        yield Fault(path, "none: nobody could sign in", "give one, complete")
    for uri in found:
        yield from _redirect(declared, uri, path)
    service = declared.service(client.consumer)
    root = service.environment.get("GF_SERVER_ROOT_URL", "") if service else ""
    domain = next((s.settings.domain for s in declared.stacks.values() if client.consumer in s), "")
    wanted = root.replace("@domain@", domain).rstrip("/") + _GRAFANA_PATH
    if root and found != (wanted,):
        yield Fault(path, f"Grafana sends people back to {wanted}, not to {', '.join(found)}", f"write {wanted}")


def _redirect(declared: Declared, uri: str, path: str) -> Iterator[Fault]:
    parts = urlsplit(uri)
    host, domain = parts.hostname or "", declared.settings.domain
    if parts.scheme != "https" or not host:
        yield Fault(path, f"{uri} is not https", "codes must not travel in plain text")
    elif re.search(r"[*\s]", uri) or parts.query or parts.fragment:
        yield Fault(path, f"{uri} is not one exact address", "write it complete: it is compared as a whole")
    elif uri not in declared.settings.proxmox_urls and not host.endswith(f".{domain}"):
        yield Fault(path, f"{host} is not below {domain}", "a code would be sent to somebody else")


def _guarded(declared: Declared, site: GuardedSite) -> Iterator[Fault]:
    path = f"{_WHERE}/{site.name}"
    service = declared.service(site.consumer)
    host, _, port = site.upstream.partition(":")
    if service is None:
        yield Fault(f"{path}/consumer", f"no host runs {site.consumer}", "add it, or say why it is only prepared")
        return
    if host not in declared.stacks or site.consumer not in declared.stacks[host]:
        running = [name for name, stack in declared.stacks.items() if site.consumer in stack]
        yield Fault(f"{path}/upstream", f"{site.consumer} does not run on {host}", did_you_mean(host, running))
    elif int(port) not in {published.host for published in service.published}:
        yield Fault(f"{path}/upstream", f"{site.consumer} does not publish {port}", "publish it to Authentik's host")
    for pattern in site.open_paths:
        try:
            re.compile(pattern)
        except re.error as error:
            yield Fault(f"{path}/open_paths", f"{pattern}: {error}", "correct it")
            continue
        if not pattern.startswith("^"):
            yield Fault(f"{path}/open_paths", f"{pattern} opens every path that contains it", "begin it with ^")


def _realms(declared: Declared) -> Iterator[Fault]:
    known = {client.name: client for client in declared.in_use if client.consumer == "proxmox"}
    for node in declared.nodes:
        for realm in node.realms:
            path = f"group_data/proxmox/realms/{realm.name}"
            client = known.get(realm.client_id)
            if client is None:
                yield Fault(
                    f"{path}/client_id", f"{realm.client_id} is not a client", did_you_mean(realm.client_id, known)
                )
                continue
            wanted = issuer(client.name, declared.settings.domain)
            if realm.issuer_url != wanted:
                yield Fault(f"{path}/issuer_url", f"is not {wanted}", "take the realm from estate/sso/consumers.py")
            if realm.client_secret != client.secret:
                yield Fault(f"{path}/client_secret", f"is not {client.secret}", "both ends share one secret")
