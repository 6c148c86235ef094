"""Vultr's API v2 (facts/apis.md, 5; field names after vultr/govultr 3.32.0: instance.go, plans.go, regions.go).

    with Vultr(SecretStr(token)) as vultr:
        for machine in vultr.machines():
            ...

Plans and what regions have free are told without a token. Vultr answers 429 with Retry-After above 30 requests a
second; a fleet of sixteen asks one after the other and is far below. Every call raises estate.clients.errors.ApiError.
"""

from collections.abc import Callable, Iterator

import httpx
from pydantic import SecretStr

from estate.clients.cloud import PAGES, CloudApi, bad, number, rows, text, words
from estate.clients.errors import ApiError, ForbiddenError, NotFoundError, RejectedError, UnauthorisedError
from estate.clients.http import Endpoint, Json, Policy
from estate.models.cloud import Machine, Plan
from estate.secrets.redact import redact

API = Endpoint("https://api.vultr.com/v2")
_PAGE = 500
_KEY = "make a new API key, or let this machine's address use it (Vultr: Account, API, Access Control)"
_NO_ADDRESS = ("", "0.0.0.0")  # noqa: S104 - what Vultr writes as long as there is none


def translate(where: str, status: int, body: Json) -> ApiError:
    """The error of a 4xx answer."""
    message = body.get("error")
    said = " ".join(redact(message).split())[:300] if isinstance(message, str) else ""
    shown = f"{said or 'no message'} ({status})"
    if status == 401:
        return UnauthorisedError(where, shown, _KEY)
    if status == 403:
        return ForbiddenError(where, shown, _KEY)
    if status == 404:
        return NotFoundError(where, shown, "see Vultr's console")
    return RejectedError(where, shown)


class Vultr(CloudApi):
    """A session with Vultr; without a token only plans() and free() answer."""

    def __init__(
        self,
        token: SecretStr | None = None,
        *,
        policy: Policy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__("vultr", API, translate, token, policy=policy, transport=transport, sleep=sleep)

    def plans(self) -> dict[str, Plan]:
        """What is sold, by id; no bare metal."""
        where = "vultr/plans"
        return {plan.id: plan for plan in (_plan(where, row) for row in self._all("plans", where))}

    def free(self, region: str) -> frozenset[str]:
        """The ids of the plans that a region can deliver now."""
        where = f"vultr/regions/{region}"
        answer = self.call("GET", f"regions/{region}/availability", where=where)
        if "available_plans" not in answer:
            raise bad(where, "the answer does not say what is free")
        return words(where, answer, "available_plans")

    def machines(self) -> list[Machine]:
        """Every instance of the account: who looks for one compares label and tag himself."""
        where = "vultr/instances"
        return [_machine(where, row) for row in self._all("instances", where)]

    def machine(self, number_: str) -> Machine:
        """One instance by its id. Raises NotFoundError."""
        where = f"vultr/instances/{number_}"
        return _machine(where, self._object(self.call("GET", f"instances/{number_}", where=where), "instance", where))

    def create(self, order: Json) -> Machine:
        """Order an instance (estate/edge/provision.py, order). Never repeated by itself: that would make a second one.

        The answer holds root's password; it is neither returned nor shown.
        """
        where = f"vultr/instances/{order.get('label', '')}"
        made = self._object(self.call("POST", "instances", where=where, body=order), "instance", where)
        redact.learn([str(made.get("default_password") or "")])
        return _machine(where, made)

    def delete(self, number_: str) -> None:
        """Destroy an instance, at once and for good; one that is not there is no fault."""
        try:
            self.call("DELETE", f"instances/{number_}", where=f"vultr/instances/{number_}")
        except NotFoundError:
            return

    def keys(self) -> dict[str, str]:
        """The ids of the account's SSH keys, by key: "type base64"."""
        where = "vultr/ssh-keys"
        return {
            _bare(text(where, row, "ssh_key")): text(where, row, "id")
            for row in reversed(list(self._all("ssh-keys", where, "ssh_keys")))
        }

    def add_key(self, name: str, key: str) -> str:
        """Make an SSH key known; returns its id. Who wants no second one looks at keys() first."""
        where = f"vultr/ssh-keys/{name}"
        answer = self.call("POST", "ssh-keys", where=where, body={"name": name, "ssh_key": key})
        return text(where, self._object(answer, "ssh_key", where), "id")

    def key_ids(self, name: str, wanted: tuple[str, ...]) -> list[str]:
        """The ids of these public keys; those that the account does not have yet are added under `name`."""
        there = self.keys()
        return [there.get(_bare(key)) or self.add_key(name, key) for key in wanted]

    def _all(self, path: str, where: str, key: str = "") -> Iterator[Json]:
        cursor, seen = "", set()
        for _ in range(PAGES):
            params = {"per_page": _PAGE} | ({"cursor": cursor} if cursor else {})
            answer = self.call("GET", path, where=where, params=params)
            yield from rows(where, answer, key or path)
            cursor = _next(answer)
            if not cursor:
                return
            if cursor in seen:
                raise bad(where, "the list does not end: a page was named twice")
            seen.add(cursor)
        raise bad(where, f"the list does not end after {PAGES} pages")

    @staticmethod
    def _object(answer: Json, key: str, where: str) -> Json:
        found = answer.get(key)
        if not isinstance(found, dict):
            raise bad(where, f"the answer holds no {key}")
        return found


def _next(answer: Json) -> str:
    meta = answer.get("meta")
    links = meta.get("links") if isinstance(meta, dict) else None
    cursor = links.get("next") if isinstance(links, dict) else None
    return cursor if isinstance(cursor, str) else ""


def _bare(key: str) -> str:
    return " ".join(key.split()[:2])


def _plan(where: str, row: Json) -> Plan:
    memory, disk = int(number(where, row, "ram")), int(number(where, row, "disk"))
    price = number(where, row, "monthly_cost")
    return Plan(text(where, row, "id"), memory, disk, price, words(where, row, "locations"))


def _machine(where: str, row: Json) -> Machine:
    address = text(where, row, "main_ip")
    states = tuple(row.get(key) for key in ("status", "power_status", "server_status"))
    return Machine(
        id=text(where, row, "id"),
        label=text(where, row, "label"),
        tags=words(where, row, "tags"),
        region=text(where, row, "region"),
        plan=text(where, row, "plan"),
        address="" if address in _NO_ADDRESS else address,
        ready=states == ("active", "running", "ok"),
    )
