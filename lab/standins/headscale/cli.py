"""The CLI over the Unix socket; with `-o json` it prints what Go's encoder makes of the messages."""

from __future__ import annotations

import argparse
import http.client
import json
import re
import socket
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
SNAKE = {
    **{"createdAt": "created_at", "displayName": "display_name", "providerId": "provider_id"},
    **{"profilePicUrl": "profile_pic_url", "aclTags": "acl_tags", "lastSeen": "last_seen"},
    "databaseConnectivity": "database_connectivity",
}


class CliError(Exception):
    """The command failed; the message goes to standard error, the status is 1."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("headscale", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


def call(path: Path, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send one request over the socket."""
    connection = _Connection(path)
    try:
        connection.request(method, f"/api/v1{url}", json.dumps(body) if body is not None else None)
        reply = connection.getresponse()
        document: dict[str, Any] = json.loads(reply.read())
    except (OSError, ValueError) as fault:
        raise CliError(f"connecting to headscale: {path}: {fault}") from fault
    if reply.status != 200:
        raise CliError(str(document.get("message", reply.status)))
    return document


def expiration(text: str) -> str:
    """Turn a duration such as 90d or 1h30m into the time it ends at."""
    parts = re.findall(r"(\d+)([smhdwy])", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise CliError(f'parsing duration: not a valid duration string: "{text}"')
    seconds = sum(int(number) * UNITS[unit] for number, unit in parts)
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()  # noqa: UP017


def go_json(value: Any, name: str = "") -> Any:
    """Rewrite the gateway's JSON as Go's plain encoder writes it: snake case, numbers, no zero values."""
    if isinstance(value, dict):
        kept = {SNAKE.get(key, key): go_json(inner, key) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in ("", None, False, [], 0)}
    if isinstance(value, list):
        return [go_json(inner) for inner in value]
    if name == "id":
        return int(value)
    if name in ("createdAt", "expiration", "lastSeen") and value:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return {"seconds": int(moment.timestamp()), "nanos": moment.microsecond * 1000}
    return value


def parser() -> argparse.ArgumentParser:
    """Describe the commands this stand-in knows."""
    root = argparse.ArgumentParser(prog="headscale")
    root.add_argument("-c", "--config", default="/etc/headscale/config.yaml")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-o", "--output", default="", choices=("", "json", "json-line"))
    common.add_argument("--force", action="store_true")
    verbs = root.add_subparsers(dest="noun", required=True)
    for name in ("serve", "configtest", "health", "version"):
        verbs.add_parser(name, parents=[common])

    def noun(*names: str) -> argparse._SubParsersAction[argparse.ArgumentParser]:
        return verbs.add_parser(names[0], aliases=names[1:]).add_subparsers(dest="verb", required=True)

    users = noun("users", "user")
    create = users.add_parser("create", parents=[common])
    create.add_argument("name")
    create.add_argument("-d", "--display-name", default="")
    create.add_argument("-e", "--email", default="")
    listing = users.add_parser("list", aliases=["ls"], parents=[common])
    listing.add_argument("-n", "--name", default="")
    destroy = users.add_parser("destroy", aliases=["delete"], parents=[common])
    destroy.add_argument("-i", "--identifier", type=int, required=True)
    keys = noun("preauthkeys", "preauthkey", "authkey", "pre")
    create = keys.add_parser("create", parents=[common])
    create.add_argument("-u", "--user", type=int, default=0)
    create.add_argument("-e", "--expiration", default="1h")
    create.add_argument("--reusable", action="store_true")
    create.add_argument("--ephemeral", action="store_true")
    create.add_argument("--tags", default="")
    keys.add_parser("list", aliases=["ls"], parents=[common])
    for verb in ("expire", "delete"):
        keys.add_parser(verb, parents=[common]).add_argument("-i", "--id", type=int, required=True)
    api = noun("apikeys", "apikey", "api")
    api.add_parser("create", parents=[common]).add_argument("-e", "--expiration", default="90d")
    api.add_parser("list", aliases=["ls"], parents=[common])
    for verb in ("expire", "delete"):
        api.add_parser(verb, parents=[common]).add_argument("-p", "--prefix", required=True)
    noun("nodes", "node").add_parser("list", aliases=["ls"], parents=[common])
    return root


def _users(path: Path, given: argparse.Namespace) -> tuple[Any, str]:
    if given.verb == "create":
        body = {"name": given.name, "displayName": given.display_name, "email": given.email}
        return call(path, "POST", "/user", body)["user"], "User created"
    if given.verb in ("destroy", "delete"):
        return call(path, "DELETE", f"/user/{given.identifier}"), "User destroyed"
    found = call(path, "GET", f"/user?name={given.name}")["users"]
    return found or None, "\n".join(f"{u['id']}\t{u['name']}" for u in found)


def _pre_auth_keys(path: Path, given: argparse.Namespace) -> tuple[Any, str]:
    if given.verb == "create":
        body = {"user": str(given.user), "reusable": given.reusable, "ephemeral": given.ephemeral}
        body |= {"expiration": expiration(given.expiration), "aclTags": [t for t in given.tags.split(",") if t]}
        created = call(path, "POST", "/preauthkey", body)["preAuthKey"]
        return created, created["key"]
    if given.verb == "expire":
        return call(path, "POST", "/preauthkey/expire", {"id": str(given.id)}), "Key expired"
    if given.verb == "delete":
        return call(path, "DELETE", f"/preauthkey?id={given.id}"), "Key deleted"
    found = call(path, "GET", "/preauthkey")["preAuthKeys"]
    return found or None, "\n".join(f"{k['id']}\t{k['key']}\t{k['expiration']}" for k in found)


def _api_keys(path: Path, given: argparse.Namespace) -> tuple[Any, str]:
    if given.verb == "create":
        key = call(path, "POST", "/apikey", {"expiration": expiration(given.expiration)})["apiKey"]
        return key, key
    if given.verb == "expire":
        return call(path, "POST", "/apikey/expire", {"prefix": given.prefix}), "Key expired"
    if given.verb == "delete":
        return call(path, "DELETE", f"/apikey/{given.prefix}"), "Key deleted"
    found = call(path, "GET", "/apikey")["apiKeys"]
    return found or None, "\n".join(f"{k['id']}\t{k['prefix']}\t{k['expiration']}" for k in found)


def execute(path: Path, given: argparse.Namespace) -> tuple[Any, str]:
    """Run a command; give its message and its plain text."""
    if given.noun == "health":
        found = call(path, "GET", "/health")
        if not found.get("databaseConnectivity"):
            raise CliError("checking health: the database does not answer")
        return found, ""
    if given.noun in ("users", "user"):
        return _users(path, given)
    if given.noun.startswith("pre") or given.noun == "authkey":
        return _pre_auth_keys(path, given)
    if given.noun.startswith("api"):
        return _api_keys(path, given)
    return call(path, "GET", "/node")["nodes"] or None, ""


def run(path: Path, given: argparse.Namespace) -> int:
    """Run a command and print its outcome."""
    try:
        message, text = execute(path, given)
    except CliError as fault:
        shown = json.dumps({"error": str(fault)}) if given.output else f"Error: {fault}"
        print(shown, file=sys.stderr)
        return 1
    indent = "\t" if given.output == "json" else None
    print(json.dumps(go_json(message), indent=indent) if given.output else text)
    return 0
