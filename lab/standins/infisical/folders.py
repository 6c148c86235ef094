"""Folders and imports: where in an environment secrets lie."""

from __future__ import annotations

from typing import Any

from lab.standins.infisical.call import Call, new_id, stamp
from lab.standins.infisical.problems import Problem, required
from lab.standins.infisical.provisioning import get_project, membership
from lab.standins.infisical.store import Row


def normal(path: object) -> str:
    """A folder's path: "/" or "/a/b"."""
    return "/" + "/".join(part for part in str(path or "/").split("/") if part)


def place(call: Call) -> tuple[str, str, str]:
    """Project, environment and path that a call means.

    A service token with one scope without wildcards silently gets that, whatever it asked for.
    """
    words, caller = call.words, call.caller
    project = str(words.get("projectId") or words.get("workspaceId") or "")
    slug = words.get("projectSlug") or words.get("workspaceSlug")
    if not project and slug:
        found = call.store.every("project", slug=slug)
        if not found:
            raise Problem(404, f"Project with slug '{slug}' not found")
        project = found[0]["id"]
    environment, path = str(words.get("environment", "")), normal(words.get("secretPath") or words.get("path"))
    if caller.kind == "service-token":
        scopes = caller.row["scopes"]
        if len(scopes) == 1 and "*" not in scopes[0]["secretPath"]:
            return caller.row["project"], scopes[0]["environment"], normal(scopes[0]["secretPath"])
    required({"projectId": project, "environment": environment}, "projectId", "environment")
    return project, environment, path


def _covered(call: Call, environment: str, path: str) -> bool:
    for scope in call.caller.row["scopes"]:
        pattern = scope["secretPath"]
        below = pattern.endswith("/**") and (path + "/").startswith(pattern[:-2])
        if scope["environment"] == environment and (below or normal(pattern) == path):
            return True
    return False


def allowed(call: Call, project: str, environment: str, path: str, *, write: bool) -> None:
    """Refuse who may not read or write there; then what is not there."""
    row = get_project(call, project)
    if call.caller.kind == "service-token":
        token = call.caller.row
        fits = token["project"] == project and _covered(call, environment, path)
        if not fits or (write and "write" not in token["permissions"]):
            raise Problem(403, "You are not allowed to access this resource")
    else:
        role = membership(call, project)
        if role in ("", "no-access"):
            raise Problem(403, "You are not a member of this project")
        if write and role == "viewer":
            raise Problem(403, "You are not allowed to edit secrets in this project")
    if not any(one["slug"] == environment for one in row["environments"]):
        raise Problem(404, f"Environment with slug '{environment}' in project with ID '{project}' not found")
    if not exists(call, project, environment, path):
        raise Problem(404, f"Folder with path '{path}' in environment with slug '{environment}' not found")


def exists(call: Call, project: str, environment: str, path: str) -> bool:
    """Whether the folder is there; the root always is."""
    return path == "/" or call.store.get("folder", f"{project}/{environment}{path}") is not None


def folders(call: Call) -> dict[str, Any]:
    """List the folders of a folder, or make one."""
    project, environment, parent = place(call)
    allowed(call, project, environment, parent, write=call.method == "POST")
    if call.method == "GET":
        rows = call.store.every("folder", project=project, environment=environment, parent=parent)
        return {
            "folders": [{key: row[key] for key in ("id", "name", "path", "createdAt", "updatedAt")} for row in rows]
        }
    required(call.words, "name")
    now = stamp(call.server.now())
    path = f"{parent.rstrip('/')}/{call.words['name']}"
    row = {
        **{"id": new_id(), "name": call.words["name"], "path": path, "parent": parent, "envId": environment},
        **{"project": project, "environment": environment, "version": 1, "createdAt": now, "updatedAt": now},
    }
    call.store.add("folder", f"{project}/{environment}{path}", row)
    return {"folder": call.store.get("folder", f"{project}/{environment}{path}")}


def imports(call: Call) -> dict[str, Any]:
    """List a folder's imports, or add one: the later overrides the earlier."""
    project, environment, path = place(call)
    allowed(call, project, environment, path, write=call.method == "POST")
    key = f"{project}/{environment}{path}"
    if call.method == "GET":
        return {"secretImports": imports_of(call, project, environment, path)}
    source = call.words.get("import") or {}
    required(source, "environment", "path")
    row = {"id": new_id(), "environment": source["environment"], "path": normal(source["path"])}
    call.store.add("imports", key, {"rows": []})
    call.store.change("imports", key, lambda old: {"rows": [*old["rows"], row]})
    return {"message": "Successfully created secret import", "secretImport": row}


def imports_of(call: Call, project: str, environment: str, path: str) -> list[Row]:
    """The imports of a folder, in order."""
    found = call.store.get("imports", f"{project}/{environment}{path}")
    return list(found["rows"]) if found else []
