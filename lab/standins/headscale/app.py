"""REST v1 as the gRPC gateway of 0.29 speaks it, and the unauthenticated paths."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.standins.common import process_metrics, sample
from lab.standins.headscale import SOFTWARE, VERSION
from lab.standins.headscale.store import INVALID, NOT_FOUND, ZERO_TIME, Fault, NewKey, Row, Store

Handler = Callable[[Request], Awaitable[Response]]
STATUS = {INVALID: 400, NOT_FOUND: 404, 16: 401}


def now() -> str:
    """Give the time as the API writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: UP017


def user_document(row: Row) -> dict[str, Any]:
    """Give a user as JSON: 64-bit numbers are strings."""
    return {
        **{"id": str(row["id"]), "name": row["name"], "createdAt": row["created_at"]},
        **{"displayName": row["display_name"], "email": row["email"], "providerId": "", "provider": ""},
        "profilePicUrl": row["picture_url"],
    }


def _time(text: str) -> str:
    """Normalise RFC 3339 to what `now` gives, so that times compare as strings."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as fault:
        raise Fault(INVALID, f"proto: invalid google.protobuf.Timestamp value {text!r}") from fault
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: UP017


def _number(value: Any, field: str) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError) as fault:
        raise Fault(INVALID, f'proto: invalid value for uint64 field {field}: "{value}"') from fault


async def _body(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.body() or b"{}")
    except json.JSONDecodeError as fault:
        raise Fault(INVALID, f"proto: syntax error: {fault}") from fault
    if not isinstance(document, dict):
        raise Fault(INVALID, "proto: syntax error: unexpected token")
    return document


class Api:
    """The routes over one store."""

    def __init__(self, store: Store, *, trusted: bool) -> None:
        self.store, self.trusted = store, trusted

    def guard(self, handler: Handler) -> Handler:
        """Ask for an API key (not on the Unix socket) and turn faults into the gateway's errors."""

        async def guarded(request: Request) -> Response:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if not self.trusted and not (scheme == "Bearer" and self.store.valid_api_key(key, now())):
                return PlainTextResponse("Unauthorized", 401)
            try:
                return await handler(request)
            except Fault as fault:
                document = {"code": fault.code, "message": fault.message, "details": []}
                return JSONResponse(document, STATUS.get(fault.code, 500))

        return guarded

    def key_document(self, row: Row, key: str = "") -> dict[str, Any]:
        """Give a pre-auth key as JSON; masked unless it was just made."""
        owner = user_document(self.store.user(row["user_id"])) if row["user_id"] else None
        return {
            **{"user": owner, "id": str(row["id"]), "key": key or f"hskey-auth-{row['prefix']}-***"},
            **{"reusable": bool(row["reusable"]), "ephemeral": bool(row["ephemeral"])},
            **{"used": bool(row["used"]), "expiration": row["expiration"], "createdAt": row["created_at"]},
            "aclTags": [tag for tag in row["tags"].split(",") if tag],
        }

    async def users(self, request: Request) -> Response:
        """List users."""
        wanted = {key: request.query_params.get(key, "") for key in ("id", "name", "email")}
        return JSONResponse({"users": [user_document(row) for row in self.store.users(**wanted)]})

    async def create_user(self, request: Request) -> Response:
        """Create a user."""
        body = await _body(request)
        names = [str(body.get(key, "")) for key in ("displayName", "email", "pictureUrl")]
        return JSONResponse({"user": user_document(self.store.create_user(str(body.get("name", "")), now(), *names))})

    async def delete_user(self, request: Request) -> Response:
        """Delete a user."""
        self.store.delete_user(_number(request.path_params["id"], "id"))
        return JSONResponse({})

    async def rename_user(self, request: Request) -> Response:
        """Rename a user."""
        key = _number(request.path_params["id"], "oldId")
        return JSONResponse({"user": user_document(self.store.rename_user(key, request.path_params["name"]))})

    async def pre_auth_keys(self, request: Request) -> Response:
        """List pre-auth keys, masked."""
        return JSONResponse({"preAuthKeys": [self.key_document(row) for row in self.store.pre_auth_keys()]})

    async def create_pre_auth_key(self, request: Request) -> Response:
        """Create a pre-auth key. Without `expiration` it has expired already, as upstream."""
        body = await _body(request)
        expiration = _time(str(body["expiration"])) if body.get("expiration") else ZERO_TIME
        wanted = NewKey(
            _number(body.get("user"), "user"),
            bool(body.get("reusable")),
            bool(body.get("ephemeral")),
            expiration,
            tuple(body.get("aclTags") or ()),
        )
        row, key = self.store.create_pre_auth_key(wanted, now())
        return JSONResponse({"preAuthKey": self.key_document(row, key)})

    async def expire_pre_auth_key(self, request: Request) -> Response:
        """Let a pre-auth key expire."""
        self.store.expire_pre_auth_key(_number((await _body(request)).get("id"), "id"), now())
        return JSONResponse({})

    async def delete_pre_auth_key(self, request: Request) -> Response:
        """Delete a pre-auth key."""
        self.store.delete_pre_auth_key(_number(request.query_params.get("id"), "id"))
        return JSONResponse({})

    async def api_keys(self, request: Request) -> Response:
        """List API keys, masked."""
        found = [
            {
                **{"id": str(row["id"]), "prefix": f"hskey-api-{row['prefix']}-***"},
                **{"expiration": row["expiration"], "createdAt": row["created_at"], "lastSeen": None},
            }
            for row in self.store.api_keys()
        ]
        return JSONResponse({"apiKeys": found})

    async def create_api_key(self, request: Request) -> Response:
        """Create an API key; without `expiration` it has expired already."""
        body = await _body(request)
        expiration = _time(str(body["expiration"])) if body.get("expiration") else ZERO_TIME
        return JSONResponse({"apiKey": self.store.create_api_key(expiration, now())})

    async def expire_api_key(self, request: Request) -> Response:
        """Let an API key expire."""
        self.store.expire_api_key(str((await _body(request)).get("prefix", "")), now())
        return JSONResponse({})

    async def delete_api_key(self, request: Request) -> Response:
        """Delete an API key."""
        self.store.delete_api_key(request.path_params["prefix"])
        return JSONResponse({})

    async def nodes(self, request: Request) -> Response:
        """List nodes: none, as none can register."""
        return JSONResponse({"nodes": []})

    async def node(self, request: Request) -> Response:
        """No node is there."""
        raise Fault(NOT_FOUND, "node not found")

    async def policy(self, request: Request) -> Response:
        """Get or set the policy: file mode, none set."""
        if request.method == "PUT":
            raise Fault(INVALID, "update is disabled for modes other than 'database'")
        return JSONResponse({"policy": "", "updatedAt": None})

    async def health_v1(self, request: Request) -> Response:
        """Health, behind the key."""
        return JSONResponse({"databaseConnectivity": self.store.ping()})

    async def health(self, request: Request) -> Response:
        """Health, for anyone."""
        ok = self.store.ping()
        return JSONResponse({"status": "pass" if ok else "fail"}, 200 if ok else 500)

    async def version(self, request: Request) -> Response:
        """Version."""
        build = {"goVersion": "", "os": "linux", "arch": "amd64"}
        return JSONResponse({"version": VERSION, "commit": "lab-stand-in", "go": build, "dirty": False})


def create(store: Store, *, trusted: bool = False) -> Starlette:
    """Build the server's application; `trusted` is the one on the Unix socket."""
    api = Api(store, trusted=trusted)

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(f"/api/v1{path}", api.guard(handler), methods=[method])

    return Starlette(
        routes=[
            Route("/health", api.health),
            Route("/version", api.version),
            route("/health", api.health_v1),
            route("/user", api.users),
            route("/user", api.create_user, "POST"),
            route("/user/{id}", api.delete_user, "DELETE"),
            route("/user/{id}/rename/{name}", api.rename_user, "POST"),
            route("/preauthkey", api.pre_auth_keys),
            route("/preauthkey", api.create_pre_auth_key, "POST"),
            route("/preauthkey", api.delete_pre_auth_key, "DELETE"),
            route("/preauthkey/expire", api.expire_pre_auth_key, "POST"),
            route("/apikey", api.api_keys),
            route("/apikey", api.create_api_key, "POST"),
            route("/apikey/expire", api.expire_api_key, "POST"),
            route("/apikey/{prefix}", api.delete_api_key, "DELETE"),
            route("/node", api.nodes),
            route("/node/{id}", api.node),
            route("/node/{id}", api.node, "DELETE"),
            route("/policy", api.policy),
            route("/policy", api.policy, "PUT"),
        ]
    )


def create_metrics(store: Store) -> Starlette:
    """Build the application of metrics_listen_addr."""

    async def metrics(request: Request) -> Response:
        text = process_metrics(SOFTWARE) + sample("headscale_build_info", 1, {"version": VERSION})
        return PlainTextResponse(text + sample("estate_lab_headscale_users", len(store.users())))

    return Starlette(routes=[Route("/metrics", metrics)])
