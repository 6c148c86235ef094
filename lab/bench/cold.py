"""A mainframe as before its first deploy, with its packages and images kept."""

import shlex

from estate.models.desired import STATE_DIR, Desired
from estate.models.stack import Stack
from lab.docker import Docker
from lab.hosts import LabHost

_KEPT = "/.ssh/authorized_keys"


def reset_script(stack: Stack, tasks: dict[str, Desired]) -> str:
    """The shell script that forgets a deploy: containers, data, managed files, our state. The way in stays."""
    files = [file.path for task in tasks.values() for file in task.tree.files if not file.path.endswith(_KEPT)]
    label = shlex.quote(f"label=com.docker.compose.project={stack.settings.project}")
    return "\n".join(
        [
            f"docker ps -aq --filter {label} | xargs -r docker rm -f -v",
            f"docker volume ls -q --filter {label} | xargs -r docker volume rm -f",
            f"docker network ls -q --filter {label} | xargs -r docker network rm",
            "nft delete table inet estate 2>/dev/null",
            f"rm -rf {shlex.quote(stack.settings.root)} {STATE_DIR}",
            f"rm -f {' '.join(shlex.quote(path) for path in files)}",
            "systemctl daemon-reload",
        ]
    )


def reset(docker: Docker, host: LabHost, stack: Stack, tasks: dict[str, Desired]) -> None:
    """Bring a lab host back to before its first deploy."""
    docker.exec(host.container, "sh", "-c", reset_script(stack, tasks), timeout=300)
