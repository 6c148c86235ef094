"""Secrets, v4 and v3 raw (facts/apis.md, 1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lab.standins.infisical.call import Call, new_id, stamp
from lab.standins.infisical.folders import allowed, imports_of, place
from lab.standins.infisical.problems import Problem, required
from lab.standins.infisical.store import Row

_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.\-]+)\}")
_DEPTH = 5


def trimmed(value: str) -> str:
    """Values are trimmed; one trailing line break is kept."""
    return value.strip() + ("\n" if value.endswith("\n") else "")


def _key(project: str, environment: str, path: str, name: str) -> str:
    return f"{project}/{environment}{path.rstrip('/')}/{name}"


def _shown(call: Call, row: Row) -> Row:
    hidden = str(call.words.get("viewSecretValue", "true")).lower() == "false"
    value = "<hidden-by-infisical>" if hidden else row["value"]
    if not hidden and call.flag("expandSecretReferences"):
        value = _expanded(call, row, value, _DEPTH)
    return {
        **{"id": row["id"], "_id": row["id"], "workspace": row["project"], "environment": row["environment"]},
        **{"version": row["version"], "type": "shared", "secretKey": row["name"], "secretValue": value},
        **{"secretComment": row["comment"], "secretValueHidden": hidden, "secretPath": row["path"], "tags": []},
        **{"secretMetadata": None, "createdAt": row["createdAt"], "updatedAt": row["updatedAt"]},
    }


def _expanded(call: Call, row: Row, value: str, depth: int) -> str:
    """`${NAME}` of the same folder and `${env.folder.NAME}`; what is not there stays as it is written."""

    def one(match: re.Match[str]) -> str:
        parts = match[1].split(".")
        environment, path = row["environment"], row["path"]
        if len(parts) > 1:
            environment, path = parts[0], "/" + "/".join(parts[1:-1])
        found = call.store.get("secret", _key(row["project"], environment, path, parts[-1]))
        if found is None or depth == 0:
            return match[0]
        return _expanded(call, found, found["value"], depth - 1)

    return _REFERENCE.sub(one, value)


def _in_folder(call: Call, project: str, environment: str, path: str) -> list[Row]:
    rows = call.store.every("secret", project=project, environment=environment, path=path)
    return sorted(rows, key=lambda row: str(row["name"]))


def listing(call: Call) -> dict[str, Any]:
    """All secrets of a folder; imported ones are listed apart."""
    project, environment, path = place(call)
    allowed(call, project, environment, path, write=False)
    rows = _in_folder(call, project, environment, path)
    if call.flag("recursive"):
        every = call.store.every("secret", project=project, environment=environment)
        below = path.rstrip("/") + "/"
        rows = [row for row in every if row["path"] == path or row["path"].startswith(below)]
    groups = []
    if call.flag("include_imports", "includeImports"):
        for source in imports_of(call, project, environment, path):
            found = _in_folder(call, project, source["environment"], source["path"])
            groups.append(
                {
                    **{"secretPath": source["path"], "environment": source["environment"], "folderId": source["id"]},
                    "secrets": [_shown(call, row) for row in found],
                }
            )
    return {"secrets": [_shown(call, row) for row in rows], "imports": groups}


def _named(name: object) -> str:
    if not isinstance(name, str) or not name or re.search(r"[:/]", name):
        issue = {"code": "custom", "path": ["secretKey"], "message": "Secret name cannot contain colon or slash."}
        raise Problem(422, [issue], "ValidationFailure")
    return name


def _create(call: Call, where: tuple[str, str, str], name: str, body: dict[str, Any]) -> Row:
    project, environment, path = where
    required({"secretValue": str(body.get("secretValue", "")) or " "}, "secretValue")
    now = stamp(call.server.now())
    row = {
        **{"id": new_id(), "project": project, "environment": environment, "path": path, "name": _named(name)},
        **{"value": trimmed(str(body.get("secretValue", ""))), "comment": str(body.get("secretComment") or "")},
        **{"version": 1, "createdAt": now, "updatedAt": now},
    }
    if not call.store.add("secret", _key(project, environment, path, name), row):
        raise Problem(400, "Secret already exist")
    return row


def _update(call: Call, where: tuple[str, str, str], name: str, body: dict[str, Any]) -> Row:
    def change(row: Row) -> Row:
        value = trimmed(str(body["secretValue"])) if body.get("secretValue") is not None else row["value"]
        comment = str(body["secretComment"]) if body.get("secretComment") is not None else row["comment"]
        now = stamp(call.server.now())
        return {**row, "value": value, "comment": comment, "version": row["version"] + 1, "updatedAt": now}

    row = call.store.change("secret", _key(*where, name), change)
    if row is None:
        raise Problem(404, f"Secret with name '{name}' not found")
    return row


def _delete(call: Call, where: tuple[str, str, str], name: str) -> Row:
    row = call.store.get("secret", _key(*where, name))
    if row is None:
        raise Problem(404, f"Secret with name '{name}' not found")
    call.store.delete("secret", _key(*where, name))
    return row


def single(call: Call) -> dict[str, Any]:
    """One secret: get, create, update, delete."""
    where = place(call)
    allowed(call, *where, write=call.method != "GET")
    name = call.path["name"]
    if call.method == "GET":
        row = call.store.get("secret", _key(*where, name))
        if row is None:
            raise Problem(404, f"Secret with name '{name}' not found")
    elif call.method == "POST":
        row = _create(call, where, name, call.words)
    elif call.method == "PATCH":
        row = _update(call, where, name, call.words)
    else:
        row = _delete(call, where, name)
    return {"secret": _shown(call, row)}


def _upsert(call: Call, where: tuple[str, str, str], item: dict[str, Any], mode: str) -> Row | None:
    name = _named(item.get("secretKey"))
    if call.store.get("secret", _key(*where, name)) is not None:
        return _update(call, where, name, item)
    if mode == "upsert":
        return _create(call, where, name, item)
    if mode == "ignore":
        return None
    raise Problem(404, f"Secret with name '{name}' not found")


def batch(call: Call) -> dict[str, Any]:
    """Several secrets at once; a PATCH has a mode: failOnNotFound, upsert or ignore."""
    where = place(call)
    allowed(call, *where, write=True)
    items = call.words.get("secrets")
    if not isinstance(items, list) or not items:
        issue = {"code": "invalid_type", "expected": "array", "path": ["secrets"], "message": "Required"}
        raise Problem(422, [issue], "ValidationFailure")
    one: Callable[[dict[str, Any]], Row | None]
    if call.method == "POST":
        one = lambda item: _create(call, where, item.get("secretKey", ""), item)  # noqa: E731
    elif call.method == "PATCH":
        mode = str(call.words.get("mode", "failOnNotFound"))
        one = lambda item: _upsert(call, where, item, mode)  # noqa: E731
    else:
        one = lambda item: _delete(call, where, item.get("secretKey", ""))  # noqa: E731
    rows = [row for row in map(one, items) if row is not None]
    return {"secrets": [_shown(call, row) for row in rows]}
