"""The compose project as a tree: compose file, `.env`, configuration and data directories."""

import shlex
from collections.abc import Mapping

from estate.models.desired import Desired, Directory, File, Handler, Node, Tree
from estate.models.host import MainframeHost
from estate.models.service import ConfigFile, Service
from estate.models.stack import Stack
from estate.render.compose import compose_file
from estate.render.dotenv import dotenv
from estate.render.templates import render


def config_dir(stack: Stack, service: Service) -> str:
    """Where the service's configuration lies on the host."""
    return f"{stack.compose_dir}/{service.name}"


def _config_file(
    host: MainframeHost, stack: Stack, service: Service, item: ConfigFile, secrets: Mapping[str, str]
) -> File:
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


def service_config(host: MainframeHost, stack: Stack, service: Service, secrets: Mapping[str, str]) -> Tree:
    """The service's configuration directory with everything in it."""
    if service.config is None:
        return Tree()
    files = [_config_file(host, stack, service, item, secrets) for item in service.config.files]
    root = config_dir(stack, service)
    folders = {root} | {file.path.rpartition("/")[0] for file in files}
    return Tree((*(Directory(folder) for folder in folders), *files))


def _data_directories(stack: Stack) -> list[Node]:
    nodes: dict[str, Node] = {}
    for service in stack.containers:
        for data in service.data:
            uid, gid = (data.owner or service.user).split(":")
            path = f"{stack.data_dir}/{data.path}"
            nodes[path] = Directory(path, mode=data.mode, owner=uid, group=gid, recurse=True)
    return list(nodes.values())


def reload_handler(stack: Stack, service: Service, config: Tree) -> Handler | None:
    """Makes the running service read its configuration again, if it can."""
    if service.config is None or not service.config.reload:
        return None
    return Handler(
        name=f"{stack.settings.project}-{service.name}-config",
        command=shlex.join(["docker", "exec", service.name, *service.config.reload]),
        digest=config.digest,
        paths=tuple(file.path for file in config.files),
    )


def stack_tree(host: MainframeHost, stack: Stack, secrets: Mapping[str, str]) -> Desired:
    """Everything of the project that is a file or a directory, and the reloads that apply it.

    Raises EstateFaults for a secret that `.env` cannot hold, KeyError for one that has no value.
    """
    settings = stack.settings
    configs = {service.name: service_config(host, stack, service, secrets) for service in stack.containers}
    restart_files = {
        service.name: {
            file.path.removeprefix(f"{stack.compose_dir}/"): file.digest for file in configs[service.name].files
        }
        for service in stack.containers
        if service.config and not service.config.reload
    }
    compose = compose_file(stack, secrets, restart_files)
    values = {name: secrets[name] for name in stack.secrets()}
    env_path = f"{stack.compose_dir}/.env"
    nodes: list[Node] = [
        Directory(settings.root),
        Directory(stack.compose_dir),
        Directory(stack.data_dir),
        File(f"{stack.compose_dir}/docker-compose.yml", compose.encode()),
        File(env_path, dotenv(values, env_path).encode(), mode=0o600, mask="dotenv"),
        *_data_directories(stack),
        *(node for config in configs.values() for node in config),
    ]
    reloads = (reload_handler(stack, service, configs[service.name]) for service in stack.containers)
    return Desired(task="docker_stack", tree=Tree(tuple(nodes)), handlers=tuple(h for h in reloads if h))
