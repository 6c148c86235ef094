"""The part of Authentik's API v3 that the estate and its tests use: users, groups, events, blueprints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.standins.authentik.blueprints import INSTANCE, OBJECT
from lab.standins.authentik.events import Events
from lab.standins.authentik.people import People, Person
from lab.standins.rows import Store

GROUP = "authentik_core.group"


def _page(rows: list[dict[str, Any]]) -> JSONResponse:
    return JSONResponse({"pagination": {"count": len(rows), "next": 0}, "results": rows})


class Api:
    """The routes; every one wants the API token."""

    def __init__(self, store: Store, people: People, events: Events, authorized: Callable[[Request], bool]) -> None:
        self.store, self.people, self.events, self.authorized = store, people, events, authorized

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if not self.authorized(request):
                return JSONResponse({"detail": "Authentication credentials were not provided."}, 403)
            return await handler(request)

        return guarded

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/api/v3/core/users/", self._guarded(self.users)),
            Route("/api/v3/core/users/", self._guarded(self.add_user), methods=["POST"]),
            Route("/api/v3/core/users/{pk:int}/set_password/", self._guarded(self.set_password), methods=["POST"]),
            Route("/api/v3/core/groups/", self._guarded(self.groups)),
            Route("/api/v3/events/events/", self._guarded(self.audit)),
            Route("/api/v3/managed/blueprints/", self._guarded(self.blueprints)),
            Route("/api/v3/admin/settings/", self._guarded(self.settings)),
        ]

    def _row(self, person: Person) -> dict[str, Any]:
        row = {"pk": person.pk, "username": person.username, "name": person.name, "email": person.email}
        return {**row, "is_active": person.is_active, "is_superuser": person.is_superuser, "groups": person.groups}

    async def users(self, request: Request) -> Response:
        """Accounts, all or by name."""
        wanted = request.query_params.get("username")
        return _page([self._row(one) for one in self.people.every() if wanted in (None, one.username)])

    async def add_user(self, request: Request) -> Response:
        """A new account, in the groups of these keys."""
        data = await request.json()
        names = [str((self.store.get(OBJECT, pk) or {}).get("name", "")) for pk in data.get("groups", [])]
        if "" in names:
            return JSONResponse({"groups": ["Invalid pk - object does not exist."]}, 400)
        person = self.people.add(data["username"], "", data.get("email", ""), data.get("name", ""), tuple(names))
        if person is None:
            return JSONResponse({"username": ["This field must be unique."]}, 400)
        self.events.add("model_created", "akadmin", "", model="user", username=person.username)
        return JSONResponse(self._row(person), 201)

    async def set_password(self, request: Request) -> Response:
        """An account's password."""
        person = next((one for one in self.people.every() if one.pk == request.path_params["pk"]), None)
        if person is None:
            return JSONResponse({"detail": "Not found."}, 404)
        self.people.set_password(person.username, (await request.json())["password"])
        self.events.add("password_set", person.username, "")
        return Response(status_code=204)

    async def groups(self, request: Request) -> Response:
        """Groups, all or by name."""
        wanted = request.query_params.get("name")
        rows = [row for row in self.store.every(OBJECT, model=GROUP) if wanted in (None, row["name"])]
        return _page([{"pk": row["pk"], "name": row["name"]} for row in rows])

    async def audit(self, request: Request) -> Response:
        """The newest events, or the newest of an action."""
        action = request.query_params.get("action")
        limit = int(request.query_params.get("page_size", "100"))
        return _page(self.events.newest({"action": action} if action else {}, limit))

    async def settings(self, request: Request) -> Response:
        """The tenant's settings, as far as they are looked at; the defaults."""
        return JSONResponse({"event_retention": "days=365"})

    async def blueprints(self, request: Request) -> Response:
        """What became of each blueprint."""
        return _page(self.store.every(INSTANCE))
