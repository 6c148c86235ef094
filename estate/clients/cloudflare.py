"""Cloudflare's API (facts/apis.md, 4): when a token ends, and the DNS records of a zone.

    with Dns(SecretStr(token)) as dns:
        zone = dns.zone("edge.example.org")
        for record in dns.records(zone): ...

Every call raises estate.clients.errors.ApiError.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx
from pydantic import SecretStr

from estate.clients.cloud import PAGES, CloudApi, bad, number, rows, text
from estate.clients.errors import (
    ApiError,
    BadAnswerError,
    ForbiddenError,
    NotFoundError,
    RejectedError,
    UnauthorisedError,
)
from estate.clients.http import Endpoint, Json, Policy, Session, moment
from estate.models.cloud import Record
from estate.secrets.redact import redact

API = Endpoint("https://api.cloudflare.com/client/v4")
_WHERE = "cloudflare"
_REMEDY = "make a new token in Cloudflare's dashboard"


def _message(body: Json) -> str:
    errors = body.get("errors")
    rows = [row for row in errors if isinstance(row, dict)] if isinstance(errors, list) else []
    return redact("; ".join(str(row.get("message", "")) for row in rows))[:300]


def translate(where: str, status: int, body: Json) -> ApiError:
    """The error of an answer that is a failure, whatever its status; a malformed token is a 400."""
    text = f"{_message(body) or 'no message'} ({status})"
    return (UnauthorisedError if status in (200, 400, 401, 403) else RejectedError)(where, text, _REMEDY)


def token_expiry(
    token: str,
    *,
    transport: httpx.BaseTransport | None = None,
    policy: Policy | None = None,
    sleep: Callable[[float], None] | None = None,
) -> datetime | None:
    """When an API token ends; None when it never does.

    Raises UnauthorisedError when it is not active (disabled, expired, or none), other ApiErrors when nobody can tell.
    """
    redact.learn([token])
    session = Session(_WHERE, API, translate, policy or Policy(), transport, token=token)
    if sleep is not None:
        session.sleep = sleep
    try:
        answer = session.request("GET", "user/tokens/verify")
    finally:
        session.close()
    # A failure may come with status 200
    if answer.get("success") is not True:
        raise translate(_WHERE, 200, answer)
    result = answer.get("result")
    if not isinstance(result, dict) or not isinstance(result.get("status"), str):
        raise BadAnswerError(_WHERE, "the answer does not say whether the token is active")
    if result["status"] != "active":
        raise UnauthorisedError(_WHERE, f"the token is {redact(result['status'])[:40]}, not active", _REMEDY)
    return moment(_WHERE, result.get("expires_on"))


_MAY_NOT = "give the token Zone, DNS, Edit and Zone, Zone, Read for this zone (Cloudflare: My Profile, API Tokens)"
_BAD_TOKEN = frozenset({6003, 6111, 10000})
"""Codes of a 400 that is about the token: "Invalid request headers", "Invalid format for Authorization header",
"Authentication error"."""
_PAGE = 100


def dns_error(where: str, status: int, body: Json) -> ApiError:
    """The error of an answer that is a failure; unlike token_expiry's, a 400 is mostly about the record."""
    said = f"{_message(body) or 'no message'} ({status})"
    errors = body.get("errors")
    codes = {row.get("code") for row in errors if isinstance(row, dict)} if isinstance(errors, list) else set()
    if status == 401 or codes & _BAD_TOKEN:
        return UnauthorisedError(where, said, _REMEDY)
    if status == 403:
        return ForbiddenError(where, said, _MAY_NOT)
    if status == 404:
        return NotFoundError(where, said, "see Cloudflare's dashboard")
    return RejectedError(where, said)


@dataclass(frozen=True)
class Zone:
    """A zone, such as example.org."""

    id: str
    name: str


class Dns(CloudApi):
    """A session for the DNS records of zones."""

    def __init__(
        self,
        token: SecretStr,
        *,
        policy: Policy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(_WHERE, API, dns_error, token, policy=policy, transport=transport, sleep=sleep)

    def zone(self, domain: str) -> Zone:
        """The zone that a domain lies in: its own, or the nearest above. Raises NotFoundError."""
        where = f"cloudflare/zones/{domain}"
        labels = domain.split(".")
        for depth in range(len(labels) - 1):
            name = ".".join(labels[depth:])
            answer = self._ask("GET", "zones", where, params={"name": name})
            for row in rows(where, answer, "result"):
                if row.get("name") == name:
                    return Zone(text(where, row, "id"), name)
        raise NotFoundError(where, "the token sees no zone that it lies in", _MAY_NOT)

    def records(self, zone: Zone) -> list[Record]:
        """Every record of a zone, of whatever type."""
        where = f"cloudflare/{zone.name}"
        return [_record(where, row) for row in self._all(f"zones/{zone.id}/dns_records", where)]

    def add(self, zone: Zone, record: Record) -> None:
        """Make a record; its id is Cloudflare's to give."""
        where = f"cloudflare/{zone.name}/{record.name}"
        self._ask("POST", f"zones/{zone.id}/dns_records", where, body=_body(record))

    def change(self, zone: Zone, record: Record) -> None:
        """Make the record with this id as given."""
        where = f"cloudflare/{zone.name}/{record.name}"
        self._ask("PUT", f"zones/{zone.id}/dns_records/{record.id}", where, body=_body(record))

    def remove(self, zone: Zone, record: Record) -> None:
        """Remove the record with this id; one that is not there is no fault."""
        where = f"cloudflare/{zone.name}/{record.name}"
        try:
            self._ask("DELETE", f"zones/{zone.id}/dns_records/{record.id}", where)
        except NotFoundError:
            return

    def _ask(self, method: str, path: str, where: str, *, params: Json | None = None, body: Json | None = None) -> Json:
        answer = self.call(method, path, where=where, params=params, body=body)
        if answer.get("success") is not True:
            raise dns_error(where, 200, answer)
        return answer

    def _all(self, path: str, where: str) -> Iterator[Json]:
        for page in range(1, PAGES + 1):
            answer = self._ask("GET", path, where, params={"page": page, "per_page": _PAGE})
            yield from rows(where, answer, "result")
            info = answer.get("result_info")
            if not isinstance(info, dict):
                raise bad(where, "the answer does not say how many pages there are")
            if page >= number(where, info, "total_pages"):
                return
        raise bad(where, f"the list does not end after {PAGES} pages")


def _body(record: Record) -> Json:
    return {
        **{"type": record.type, "name": record.name, "content": record.content},
        **{"ttl": record.ttl, "proxied": record.proxied, "comment": record.comment},
    }


def _record(where: str, row: Json) -> Record:
    return Record(
        id=text(where, row, "id"),
        type=text(where, row, "type"),
        name=text(where, row, "name").lower(),
        content=str(row.get("content") or ""),
        ttl=int(number(where, row, "ttl")),
        proxied=row.get("proxied") is True,
        comment=str(row.get("comment") or ""),
    )
