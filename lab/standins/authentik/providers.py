"""The applications that blueprints made, as the OpenID provider and the outpost look at them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lab.standins.authentik.blueprints import OBJECT
from lab.standins.authentik.people import Person
from lab.standins.authentik.policies import Policies, PolicyRequest
from lab.standins.rows import Row, Store

OAUTH = "authentik_providers_oauth2.oauth2provider"
PROXY = "authentik_providers_proxy.proxyprovider"
CALLBACK = "/outpost.goauthentik.io/callback"


@dataclass(frozen=True)
class Client:
    """An application with its provider; a guarded site has the outpost as its client."""

    client_id: str
    secret: str
    slug: str
    application: Row
    provider: Row

    @property
    def proxied(self) -> bool:
        """Whether the embedded outpost stands in front of it."""
        return bool(self.provider["model"] == PROXY)

    @property
    def grant_types(self) -> tuple[str, ...]:
        """What it may ask for."""
        return ("authorization_code",) if self.proxied else tuple(self.provider["grant_types"])

    def allows(self, redirect_uri: str) -> bool:
        """Whether people may be sent back there."""
        if self.proxied:
            return redirect_uri == f"{self.provider['external_host']}{CALLBACK}"
        for allowed in self.provider["redirect_uris"]:
            if allowed["matching_mode"] == "strict" and allowed["url"] == redirect_uri:
                return True
            if allowed["matching_mode"] == "regex" and re.fullmatch(allowed["url"], redirect_uri):
                return True
        return False


class Providers:
    """All of them, read from the database at each request: the worker may have applied a blueprint just now."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def every(self) -> list[Client]:
        """Every application that has a provider."""
        found = []
        for application in self.store.every(OBJECT, model="authentik_core.application"):
            provider = self.store.get(OBJECT, application.get("provider") or "")
            if provider is not None:
                slug = application["slug"]
                proxied = provider["model"] == PROXY
                client_id = f"outpost-{slug}" if proxied else provider["client_id"]
                found.append(Client(client_id, provider.get("client_secret", ""), slug, application, provider))
        return found

    def by_id(self, client_id: str) -> Client | None:
        """The OIDC client of that id."""
        return next((client for client in self.every() if client.client_id == client_id), None)

    def by_slug(self, slug: str) -> Client | None:
        """The application of that slug."""
        return next((client for client in self.every() if client.slug == slug), None)

    def guarded(self, host: str) -> Client | None:
        """The site that the embedded outpost serves under that name."""
        outposts = self.store.every(OBJECT, managed="goauthentik.io/outposts/embedded")
        served = {pk for outpost in outposts for pk in outpost.get("providers", ())}
        for client in self.every():
            here = client.proxied and client.provider["external_host"] == f"https://{host}"
            if here and client.provider["pk"] in served:
                return client
        return None

    def open_to(self, client: Client, person: Person, client_ip: str) -> bool:
        """Whether the application's own bindings let the person in."""
        return Policies(self.store).passes(client.application, PolicyRequest(person, client_ip))

    def flow_of(self, client: Client) -> str:
        """The slug of its authorization flow."""
        return str((self.store.get(OBJECT, client.provider["authorization_flow"]) or {})["slug"])

    def scopes_of(self, client: Client) -> set[str]:
        """The scopes that its property mappings stand for."""
        return {pk.rpartition("scope-")[2].rstrip('"}') for pk in client.provider["property_mappings"]}


def claims_of(person: Person, scopes: set[str]) -> dict[str, Any]:
    """What the default scope mappings say of a person; `email_verified` is false since 2025.10."""
    claims: dict[str, Any] = {}
    if "email" in scopes:
        claims |= {"email": person.email, "email_verified": False}
    if "profile" in scopes:
        claims |= {
            "name": person.name,
            "given_name": person.name,
            "preferred_username": person.username,
            "nickname": person.username,
            "groups": list(person.groups),
        }
    return claims
