"""What the host needs to regenerate its secrets by itself: load-secrets.sh and its token."""

import json
from dataclasses import dataclass, field

from estate.models.desired import Desired, Directory, File, Tree
from estate.models.secret_store import SecretStore
from estate.models.stack import Stack
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


def infisical(stack: Stack, store: SecretStore, access: HostAccess) -> Desired:
    """The script and the token file that it reads."""
    path = f"{stack.compose_dir}/{TOKEN_FILE}"
    text = script(stack, store, access.project)
    nodes = (
        Directory(stack.scripts_dir),
        File(f"{stack.scripts_dir}/load-secrets.sh", text.encode(), mode=0o750),
        File(path, dotenv(access.token, path).encode(), mode=0o600, mask="dotenv"),
    )
    return Desired(TASK, tree=Tree(nodes))
