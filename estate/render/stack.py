"""The compose project as a tree: compose file, `.env`, configuration and data directories."""

import shlex
from collections.abc import Iterator, Mapping
from hashlib import sha256

from estate.models.desired import Desired, Directory, File, Handler, Node, Tree
from estate.models.host import StackHost
from estate.models.service import ConfigFile, Credential, SecretFile, Service
from estate.models.stack import Stack
from estate.render.compose import compose_file, secrets_in
from estate.render.dotenv import dotenv
from estate.render.release import data_path, release_handler
from estate.render.templates import render

TASK = "docker_stack"
"""The task that the stack's tree belongs to."""


def config_dir(stack: Stack, service: Service) -> str:
    """Where the service's configuration lies on the host."""
    return f"{stack.compose_dir}/{service.name}"


def _config_file(host: StackHost, stack: Stack, service: Service, item: ConfigFile, secrets: Mapping[str, str]) -> File:
    declared = {spec.name for spec in service.secrets}

    def secret(name: str) -> str:
        if name not in declared:
            raise ValueError(
                f"templates/{service.name}/{item.template} uses {name}, which {service.name} does not declare"
            )
        return secrets[name]

    folder = (service.config and service.config.templates) or service.name
    text = render(f"{folder}/{item.template}", host=host, stack=stack, service=service, secret=secret)
    path = f"{config_dir(stack, service)}/{item.path}"
    if not item.secret:
        return File(path, text.encode())
    uid, gid = service.user.split(":")
    return File(path, text.encode(), mode=0o400, owner=uid, group=gid, mask="whole")


def service_config(host: StackHost, stack: Stack, service: Service, secrets: Mapping[str, str]) -> Tree:
    """The service's configuration directory with everything in it."""
    if service.config is None:
        return Tree()
    files = [_config_file(host, stack, service, item, secrets) for item in service.config.files]
    root = config_dir(stack, service)
    folders = {root} | {file.path.rpartition("/")[0] for file in files}
    return Tree((*(Directory(folder) for folder in folders), *files))


def secret_path(stack: Stack, service: Service, item: SecretFile) -> str:
    """Where a secret that the service takes as a file lies on the host."""
    return f"{stack.secrets_dir}/{service.name}/{item.path}"


def secret_tree(stack: Stack, service: Service, secrets: Mapping[str, str]) -> Tree:
    """The secrets that the service takes as files: readable by its user and by nobody else."""
    if not service.secret_files:
        return Tree()
    uid, gid = service.user.split(":")
    files = [
        File(
            secret_path(stack, service, item),
            item.text.replace("{value}", secrets[item.secret]).encode(),
            mode=0o400,
            owner=uid,
            group=gid,
            mask="whole",
        )
        for item in service.secret_files
    ]
    return Tree((Directory(f"{stack.secrets_dir}/{service.name}", mode=0o500, owner=uid, group=gid), *files))


def environment_secrets(stack: Stack) -> tuple[str, ...]:
    """The secrets that some container's environment names: what `.env` holds, and nothing else."""
    return tuple(sorted({name for service in stack.containers for name in secrets_in(service)}))


def credential_handler_name(stack: Stack, service: Service) -> str:
    """The name of the handler that changes the service's credential."""
    return f"{stack.settings.project}-{service.name}-credential"


def credential_handler(stack: Stack, service: Service, credential: Credential, value: str) -> Handler:
    """Gives the service's own data the declared value, whenever the one in force is another.

    The value goes from its file on the host through standard input, never through an argument.
    """
    item = next(f for f in service.secret_files if f.secret == credential.secret and f.text == "{value}")
    path = shlex.quote(secret_path(stack, service, item))
    inside = f"docker exec -i {service.name} sh -c"
    return Handler(
        name=credential_handler_name(stack, service),
        command=f"{inside} {shlex.quote(credential.change)} <{path}",
        digest=sha256(f"{credential.secret}\0{value}".encode()).hexdigest(),
        probe=f"{inside} {shlex.quote(credential.prove)} <{path}",
    )


def _handlers(stack: Stack, configs: Mapping[str, Tree], secrets: Mapping[str, str]) -> Iterator[Handler]:
    for service, credential in stack.credentials():
        if credential.change:
            yield credential_handler(stack, service, credential, secrets[credential.secret])
    for service in stack.containers:
        if handler := reload_handler(stack, service, configs[service.name]):
            yield handler


def _data_directories(stack: Stack) -> list[Node]:
    nodes: dict[str, Node] = {}
    for service in stack.containers:
        for data in service.data:
            uid, gid = (data.owner or service.user).split(":")
            path = data_path(stack, data.path)
            nodes[path] = Directory(path, mode=data.mode, owner=uid, group=gid, recurse=True)
    return list(nodes.values())


def reload_handler_name(stack: Stack, service: Service) -> str:
    """The name of the handler that makes the service read its configuration again."""
    return f"{stack.settings.project}-{service.name}-config"


def reload_handler(stack: Stack, service: Service, config: Tree) -> Handler | None:
    """Makes the running service read its configuration again, if it can."""
    if service.config is None or not service.config.reload:
        return None
    return Handler(
        name=reload_handler_name(stack, service),
        command=shlex.join(["docker", "exec", service.name, *service.config.reload]),
        digest=config.digest,
        paths=tuple(file.path for file in config.files),
    )


def _read_at_start(stack: Stack, service: Service, config: Tree, secret_files: Tree) -> dict[str, str]:
    """Digests of the files that the service reads at start only, so that their change recreates it."""
    reloads = service.config is not None and service.config.reload
    files = [*([] if reloads else config.files), *secret_files.files]
    roots = (f"{stack.compose_dir}/", f"{stack.settings.root}/")
    return {file.path.removeprefix(roots[0]).removeprefix(roots[1]): file.digest for file in files}


def stack_tree(host: StackHost, stack: Stack, secrets: Mapping[str, str]) -> Desired:
    """Everything of the project that is a file or a directory, and the reloads that apply it.

    Raises EstateFaults for a secret that `.env` cannot hold, KeyError for one that has no value.
    """
    settings = stack.settings
    configs = {service.name: service_config(host, stack, service, secrets) for service in stack.containers}
    secret_trees = {service.name: secret_tree(stack, service, secrets) for service in stack.containers}
    restart_files = {
        service.name: _read_at_start(stack, service, configs[service.name], secret_trees[service.name])
        for service in stack.containers
    }
    compose = compose_file(stack, secrets, restart_files)
    values = {name: secrets[name] for name in environment_secrets(stack)}
    env_path = f"{stack.compose_dir}/.env"
    nodes: list[Node] = [
        Directory(settings.root),
        Directory(stack.compose_dir),
        Directory(stack.data_dir),
        Directory(stack.secrets_dir, mode=0o700),
        File(f"{stack.compose_dir}/docker-compose.yml", compose.encode()),
        File(env_path, dotenv(values, env_path).encode(), mode=0o600, mask="dotenv"),
        *_data_directories(stack),
        *(node for tree in (*configs.values(), *secret_trees.values()) for node in tree),
    ]
    tree, handlers = Tree(tuple(nodes)), tuple(_handlers(stack, configs, secrets))
    return Desired(
        TASK,
        packages=("curl", "jq"),
        tree=tree,
        handlers=(*handlers, release_handler(stack, tree, handlers)),
    )
