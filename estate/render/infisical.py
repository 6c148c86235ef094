"""What the host reads its secrets with: load-secrets.sh, its token, and the login of the backups' drill."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from estate.models.desired import Desired, Directory, File, Node, Tree
from estate.models.host import MainframeHost
from estate.models.secret_store import SecretStore
from estate.models.stack import Stack
from estate.render.backup_config import PROBED, secrets_dir
from estate.render.dotenv import dotenv
from estate.render.stack import environment_secrets, secret_path
from estate.render.templates import render

TASK = "infisical"
TOKEN_FILE = ".env.infisical"  # noqa: S105 - a path


@dataclass(frozen=True)
class HostAccess:
    """What the host needs to read its secrets: the project's id, and the credentials of its identity."""

    project: str
    token: dict[str, str] = field(repr=False)


def script(stack: Stack, store: SecretStore, project: str) -> str:
    """load-secrets.sh, which holds names and places but no secret.

    + project: the id that Infisical gave the project
    """
    containers = stack.containers
    names = environment_secrets(stack)
    files = [
        {
            "secret": item.secret,
            "path": secret_path(stack, service, item),
            "owner": service.user,
            "service": service.name,
            "text": item.text,
        }
        for service in containers
        for item in service.secret_files
    ]
    in_files = {str(item["secret"]) for item in files}
    return render(
        "infisical/load-secrets.sh.j2",
        stack=stack,
        infisical=stack.service("infisical"),
        scope=json.dumps({"project": project, "environment": store.environment, "path": store.path}),
        environment_secrets=list(names),
        files=files,
        consumers={name: list(stack.consumers(name)) for name in sorted({*names, *in_files})},
        by_deploy=sorted({credential.secret for _, credential in stack.credentials() if credential.change}),
    )


def _drill_login(stack: Stack, store: SecretStore, access: HostAccess) -> Iterator[Node]:
    """What Infisical's drill logs in with: the host's own identity, as load-secrets.sh has it."""
    uid, gid = stack.service(PROBED).user.split(":")
    yield Directory(stack.secrets_dir, mode=0o700)
    yield Directory(secrets_dir(stack), mode=0o700)
    folder = f"{secrets_dir(stack)}/{PROBED}"
    yield Directory(folder, mode=0o500, owner=uid, group=gid)
    login = {
        "clientId": access.token["INFISICAL_CLIENT_ID"],
        "clientSecret": access.token["INFISICAL_CLIENT_SECRET"],
    }
    query = urlencode(
        {
            "projectId": access.project,
            "environment": store.environment,
            "secretPath": store.path,
            "viewSecretValue": "true",
        }
    )
    for name, text in (("access", json.dumps(login)), ("query", query)):
        yield File(f"{folder}/{name}", text.encode(), mode=0o400, owner=uid, group=gid, mask="whole")


def infisical(host: MainframeHost, stack: Stack, access: HostAccess) -> Desired:
    """The script and the token file that it reads, and what the drill logs in with.

    Raises ValueError for a host without a secret store.
    """
    store = host.secret_store
    if store is None:
        raise ValueError(f"{host.name} has no secret_store")
    path = f"{stack.compose_dir}/{TOKEN_FILE}"
    text = script(stack, store, access.project)
    nodes = (
        Directory(stack.scripts_dir),
        File(f"{stack.scripts_dir}/load-secrets.sh", text.encode(), mode=0o750),
        File(path, dotenv(access.token, path).encode(), mode=0o600, mask="dotenv"),
        *(_drill_login(stack, store, access) if host.backups else ()),
    )
    return Desired(TASK, tree=Tree(nodes))
