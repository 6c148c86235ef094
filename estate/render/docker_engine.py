"""The Docker engine: whose packages, and the daemon's settings."""

import json
from typing import Any

from estate.models.desired import Desired, Directory, File, Handler, Tree, Unit
from estate.models.host import StackHost
from estate.render.templates import render

DOCKER_PACKAGES = ("containerd.io", "docker-ce", "docker-ce-cli", "docker-compose-plugin")


def daemon_settings(host: StackHost) -> dict[str, Any]:
    """The content of daemon.json. `default-ulimits` is left out on purpose (facts/lab-recipe.md, Care)."""
    docker = host.docker
    settings: dict[str, Any] = {
        "log-driver": "json-file",
        "log-opts": {"max-size": f"{docker.log_max_size // 1024**2}m", "max-file": str(docker.log_max_files)},
        "live-restore": True,
        # of the default bridge only, where no service of ours is
        "icc": False,
        "no-new-privileges": True,
        "userland-proxy": False,
        "default-address-pools": [{"base": docker.address_pool, "size": 24}],
    }
    if docker.registry_mirrors:
        settings["registry-mirrors"] = list(docker.registry_mirrors)
    return settings


def docker_repository(host: StackHost) -> Desired | None:
    """Docker's own package repository, for a host that takes its packages from there."""
    if host.docker.source != "docker":
        return None
    script = File("/usr/local/sbin/estate-docker-apt", render("docker_engine/apt.sh.j2").encode(), mode=0o755)
    return Desired(
        task="docker_repository",
        packages=("curl", "gpg"),
        tree=Tree((script,)),
        handlers=(Handler("docker-apt", script.path, script.digest, (script.path,)),),
    )


def docker_engine(host: StackHost) -> Desired:
    """What `tasks/docker_engine.py` makes true."""
    text = json.dumps(daemon_settings(host), indent=2, sort_keys=True) + "\n"
    daemon = File("/etc/docker/daemon.json", text.encode())
    # live-restore keeps containers running while the daemon restarts
    restart = "dockerd --validate --config-file /etc/docker/daemon.json && systemctl restart docker"
    return Desired(
        task="docker_engine",
        packages=DOCKER_PACKAGES if host.docker.source == "docker" else host.docker.packages,
        tree=Tree((daemon, Directory("/etc/docker"))),
        units=(Unit("docker.service"), Unit("containerd.service")),
        handlers=(Handler("docker-daemon", restart, daemon.digest, (daemon.path,)),),
    )
