"""CouchDB's paths."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.standins.couchdb import VERSION
from lab.standins.couchdb.access import (
    Caller,
    RefusedError,
    caller,
    require_admin,
    require_database_admin,
    require_member,
)
from lab.standins.couchdb.settings import Settings
from lab.standins.couchdb.store import USERS, ConflictError, Store

Handler = Callable[[Request, Caller], Awaitable[Response]]
_NAME = re.compile(r"_users|[a-z][a-z0-9_$()+/-]*")


def _error(status: int, error: str, reason: str) -> JSONResponse:
    return JSONResponse({"error": error, "reason": reason}, status)


class Api:
    """The routes over settings and a store."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        if settings.single_node:
            store.create(USERS)

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Login, the errors' form, and CORS around a handler."""

        async def run(request: Request) -> Response:
            try:
                who = caller(request, self.settings, self.store)
                if self.settings.valid_user_but_up and not who.name:
                    raise RefusedError(401, "Authentication required.")
                answer = await handler(request, who)
            except RefusedError as fault:
                answer = _error(fault.status, "unauthorized" if fault.status == 401 else "forbidden", fault.reason)
                if fault.status == 401:
                    answer.headers["WWW-Authenticate"] = 'Basic realm="couchdb"'
            except KeyError:
                answer = _error(404, "not_found", "Database does not exist.")
            except ConflictError:
                answer = _error(409, "conflict", "Document update conflict.")
            except ValueError as fault:
                answer = _error(400, "bad_request", str(fault))
            return self.crossed(request, answer)

        return run

    def crossed(self, request: Request, answer: Response) -> Response:
        """Add what another origin's page needs to see the answer."""
        origin = request.headers.get("origin", "")
        if self.settings.cors and origin in self.settings.origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            if self.settings.credentials:
                answer.headers["Access-Control-Allow-Credentials"] = "true"
            if request.method == "OPTIONS":
                answer.headers["Access-Control-Allow-Methods"] = self.settings.methods
                answer.headers["Access-Control-Allow-Headers"] = self.settings.headers
        return answer

    async def preflight(self, request: Request) -> Response:
        """What a page of another origin asks first, without credentials."""
        return self.crossed(request, Response(status_code=204))

    async def up(self, request: Request) -> Response:
        """Whether it runs; asked without credentials."""
        return JSONResponse({"status": "ok", "seeds": {}})

    async def welcome(self, request: Request, who: Caller) -> Response:
        """Name and version."""
        return JSONResponse({"couchdb": "Welcome", "version": VERSION, "vendor": {"name": "estate lab stand-in"}})

    async def session(self, request: Request, who: Caller) -> Response:
        """Who asks."""
        context = {"name": who.name or None, "roles": list(who.roles)}
        return JSONResponse({"ok": True, "userCtx": context, "info": {"authenticated": "default"}})

    async def databases(self, request: Request, who: Caller) -> Response:
        """Every database."""
        require_admin(who)
        return JSONResponse(self.store.names())

    async def database(self, request: Request, who: Caller) -> Response:
        """Make, describe or remove a database, or add a document."""
        name = request.path_params["db"]
        if request.method in ("PUT", "DELETE"):
            require_admin(who)
            if request.method == "DELETE":
                return JSONResponse({"ok": True}) if self.store.drop(name) else _missing()
            if not _NAME.fullmatch(name):
                return _error(400, "illegal_database_name", f"Name: '{name}'.")
            made = self.store.create(name)
            return JSONResponse({"ok": True}, 201) if made else _error(412, "file_exists", "The database exists.")
        seq, count = self.store.info(name)
        require_member(self.store, name, who)
        if request.method == "POST":
            document = await self._body(request)
            revision = self.store.put(name, str(document["_id"]), document)
            return JSONResponse({"ok": True, "id": document["_id"], "rev": revision}, 201)
        return JSONResponse({"db_name": name, "doc_count": count, "update_seq": str(seq)})

    async def security(self, request: Request, who: Caller) -> Response:
        """The database's access list."""
        name = request.path_params["db"]
        self.store.info(name)
        if request.method == "PUT":
            require_database_admin(self.store, name, who)
            self.store.security(name, await self._body(request))
            return JSONResponse({"ok": True})
        require_member(self.store, name, who)
        return JSONResponse(self.store.security(name))

    async def _body(self, request: Request) -> dict[str, Any]:
        text = await request.body()
        if len(text) > self.settings.max_document and "_bulk_docs" not in request.url.path:
            raise ValueError("the document is larger than max_document_size")
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError("Request body must be a JSON object")
        return document

    def _allowed(self, name: str, key: str, who: Caller) -> None:
        """A user may read the own document of the users' database."""
        self.store.info(name)
        if name != USERS or key != f"org.couchdb.user:{who.name}":
            require_member(self.store, name, who)

    async def document(self, request: Request, who: Caller) -> Response:
        """Read, write or delete a document."""
        name, key = request.path_params["db"], request.path_params["id"]
        self._allowed(name, key, who)
        if request.method == "PUT":
            document = await self._body(request)
            document.setdefault("_rev", request.query_params.get("rev"))
            if document["_rev"] is None:
                del document["_rev"]
            return JSONResponse({"ok": True, "id": key, "rev": self.store.put(name, key, document)}, 201)
        if request.method == "DELETE":
            edit = {"_rev": request.query_params.get("rev"), "_deleted": True}
            return JSONResponse({"ok": True, "id": key, "rev": self.store.put(name, key, edit)})
        found = self.store.get(name, key)
        if found is None or (found[2] and "rev" not in request.query_params):
            return _error(404, "not_found", "missing" if found is None else "deleted")
        return JSONResponse(_shown(key, found, "revs" in request.query_params))

    async def own(self, request: Request, who: Caller) -> Response:
        """A _local document, such as a replication's checkpoint."""
        name, key = request.path_params["db"], request.path_params["id"]
        self.store.info(name)
        require_member(self.store, name, who)
        new = await self._body(request) if request.method == "PUT" else None
        found = self.store.own(name, key, new)
        if found is None:
            return _missing()
        if new is not None:
            return JSONResponse({"ok": True, "id": f"_local/{key}", "rev": "0-1"}, 201)
        return JSONResponse({**found, "_id": f"_local/{key}", "_rev": "0-1"})

    async def all_docs(self, request: Request, who: Caller) -> Response:
        """Every document that is not deleted, by id."""
        name = request.path_params["db"]
        self.store.info(name)
        require_member(self.store, name, who)
        rows = [{"id": i, "key": i, "value": {"rev": rev}} for i, rev, gone, _ in self.store.every(name) if not gone]
        rows.sort(key=lambda row: str(row["id"]))
        return JSONResponse({"total_rows": len(rows), "offset": 0, "rows": rows})

    async def changes(self, request: Request, who: Caller) -> Response:
        """What changed since a sequence number; a long poll waits for something."""
        name = request.path_params["db"]
        last, _ = self.store.info(name)
        require_member(self.store, name, who)
        query = request.query_params
        since = last if query.get("since") == "now" else int(query.get("since") or 0)
        end = asyncio.get_running_loop().time() + min(int(query.get("timeout", "60000")), 60000) / 1000
        while not (found := self.store.every(name, since)) and query.get("feed") == "longpoll":
            if asyncio.get_running_loop().time() >= end:
                break
            await asyncio.sleep(0.2)
        rows = [
            {"seq": str(seq), "id": i, "changes": [{"rev": rev}], **({"deleted": True} if gone else {})}
            for i, rev, gone, seq in found[: int(query.get("limit", "100000"))]
        ]
        return JSONResponse({"results": rows, "last_seq": rows[-1]["seq"] if rows else str(since), "pending": 0})

    async def bulk(self, request: Request, who: Caller) -> Response:
        """Many edits; with new_edits false they are taken over as they are."""
        name = request.path_params["db"]
        self.store.info(name)
        require_member(self.store, name, who)
        body = await self._body(request)
        if body.get("new_edits") is False:
            for document in body["docs"]:
                self.store.replicate(name, document)
            return JSONResponse([], 201)
        answers = []
        for document in body["docs"]:
            try:
                revision = self.store.put(name, str(document["_id"]), document)
                answers.append({"ok": True, "id": document["_id"], "rev": revision})
            except ConflictError:
                answers.append({"id": document["_id"], "error": "conflict", "reason": "Document update conflict."})
        return JSONResponse(answers, 201)

    async def differences(self, request: Request, who: Caller) -> Response:
        """Of the named revisions those that are not here."""
        name = request.path_params["db"]
        self.store.info(name)
        require_member(self.store, name, who)
        missing = {}
        for key, wanted in (await self._body(request)).items():
            found = self.store.get(name, key)
            if absent := [rev for rev in wanted if not found or rev not in found[1]]:
                missing[key] = {"missing": absent}
        return JSONResponse(missing)

    async def bulk_get(self, request: Request, who: Caller) -> Response:
        """Many documents with their histories."""
        name = request.path_params["db"]
        self.store.info(name)
        require_member(self.store, name, who)
        results = []
        for item in (await self._body(request))["docs"]:
            found = self.store.get(name, item["id"])
            gone = {"error": {"id": item["id"], "rev": item.get("rev"), "error": "not_found", "reason": "missing"}}
            docs = [{"ok": _shown(item["id"], found, True)} if found else gone]
            results.append({"id": item["id"], "docs": docs})
        return JSONResponse({"results": results})


def _missing() -> JSONResponse:
    return _error(404, "not_found", "missing")


def _shown(key: str, found: tuple[dict[str, Any], list[str], bool], history: bool) -> dict[str, Any]:
    body, revs, deleted = found
    shown = {"_id": key, "_rev": revs[0], **body, **({"_deleted": True} if deleted else {})}
    if history:
        ids = [rev.partition("-")[2] for rev in revs]
        shown["_revisions"] = {"start": int(revs[0].partition("-")[0]), "ids": ids}
    return shown


def create(settings: Settings, store: Store) -> Starlette:
    """Build the application."""
    api = Api(settings, store)
    plain: list[tuple[str, Handler, list[str]]] = [
        ("/", api.welcome, ["GET"]),
        ("/_session", api.session, ["GET"]),
        ("/_all_dbs", api.databases, ["GET"]),
        ("/{db}/_security", api.security, ["GET", "PUT"]),
        ("/{db}/_all_docs", api.all_docs, ["GET"]),
        ("/{db}/_changes", api.changes, ["GET", "POST"]),
        ("/{db}/_bulk_docs", api.bulk, ["POST"]),
        ("/{db}/_bulk_get", api.bulk_get, ["POST"]),
        ("/{db}/_revs_diff", api.differences, ["POST"]),
        ("/{db}/_local/{id:path}", api.own, ["GET", "PUT"]),
        ("/{db}", api.database, ["GET", "PUT", "POST", "DELETE"]),
        ("/{db}/", api.database, ["GET"]),
        ("/{db}/{id:path}", api.document, ["GET", "PUT", "DELETE"]),
    ]
    routes = [Route("/_up", api.up), Route("/{path:path}", api.preflight, methods=["OPTIONS"])]
    routes += [Route(path, api.guarded(handler), methods=methods) for path, handler, methods in plain]
    return Starlette(routes=routes)
