"""Preflight: what can be known before the first change on any host, of all hosts, in one report."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import gevent
from pyinfra.api.host import Host as PyinfraHost

from estate.checks.answers import faults_of
from estate.checks.proven import refusals
from estate.facts.host_state import StateQuery, all_scripts, remember, split
from estate.facts.quiet import ReadError, read
from estate.inventory import Estate
from estate.models.faults import Fault
from estate.models.host import HomelabHost, Host, StackHost
from estate.models.image import Image
from estate.models.stack import Stack
from estate.render.backup_config import backups_dir
from estate.render.shell import shell, variables

TIMEOUT = 180


def places(image: Image, mirrors: Iterable[str]) -> list[str]:
    """Base URLs at which the host's engine will look for an image, in its order.

    Mirrors serve Docker Hub's names only (docs.docker.com, registry mirror).
    """
    if image.registry == "docker.io":
        return [*(mirror.rstrip("/") for mirror in mirrors), "https://registry-1.docker.io"]
    return [f"https://{image.registry}"]


def image_lines(stack: Stack, mirrors: Iterable[str]) -> str:
    """The script's input: every image with each place to look for it."""
    mirrors = tuple(mirrors)
    lines = []
    for image in sorted({s.image for s in stack.containers if s.image}, key=str):
        version = image.digest or image.tag
        short = str(image).removeprefix("docker.io/library/").removeprefix("docker.io/")
        lines += [f"{image} {short} {base} {image.repository} {version}" for base in places(image, mirrors)]
    return "\n".join(lines)


def key_faults(host: Host, key: str) -> list[Fault]:
    """Whether the key we connect with will still be let in after the deploy."""
    public = Path(f"{key}.pub") if key else None
    if public is None or not public.exists():
        return []
    words = public.read_text().split()[:2]
    if any(known.split()[:2] == words for known in host.admin_keys):
        return []
    fault = f"the key you connect with ({public.name}) is not among them: the deploy would lock you out"
    return [Fault(f"group_data/{host.group}/admin_keys", fault, "add its public half")]


def bound_ports(stack: Stack | None) -> list[str]:
    """The ports that the stack's services listen on at the host itself: "443/tcp"."""
    if stack is None:
        return []
    published = {f"{port.host}/{port.protocol}" for s in stack.containers for port in s.published}
    return sorted(published | {f"{s.port}/tcp" for s in stack.containers if s.host_network and s.port})


def former_project(host: Host) -> str:
    """The project that a host without services could still have containers of."""
    return host.stack.project if isinstance(host, StackHost) and host.stack and not host.has_stack else ""


def backup_words(host: Host, stack: Stack | None) -> dict[str, str]:
    """What to ask about a host's backups; nothing when it has none."""
    if stack is None or not isinstance(host, StackHost) or host.backups is None:
        return {"COMPOSE_DIR": "", "BACKUPS": "", "MIGRATING": ""}
    migrating = [service.name for service in stack.containers if service.migration]
    state = f"{backups_dir(stack)}/state"
    return {"COMPOSE_DIR": stack.compose_dir, "BACKUPS": state, "MIGRATING": " ".join(migrating)}


def container_remedy(estate: Estate, name: str, why: str) -> str:
    """What to do about a container that cannot be connected to: its node knows whether there is one, and its keys."""
    if "known_hosts" in why or "host key" in why.lower():
        return f"`estate homelab trust {estate.file} {name}` learns its key from its node"
    return f"when it was not made yet, or is gone: `estate homelab up {estate.file}`; `estate homelab status` shows"


def unreachable(estate: Estate, names: Collection[str], errors: Mapping[str, str]) -> list[Fault]:
    """Hosts that were asked for and are not connected."""
    faults = []
    for name in sorted(names):
        why = errors.get(name) or "cannot be connected to"
        if isinstance(estate.hosts[name], HomelabHost):
            remedy = container_remedy(estate, name, why)
        elif "known_hosts" in why or "host key" in why.lower():
            remedy = f"`estate hosts trust {estate.file} {name}` shows its key and asks you"
        elif estate.hosts[name].optional:
            remedy = f"it is optional: `--exclude {name}` leaves it out of this run"
        else:
            remedy = f"bring it back; `--limit` deploys to others, `ssh {estate.ssh[name].hostname}` shows more"
        faults.append(Fault(name, f"unreachable: {why}", remedy))
    return faults


def _ask(
    estate: Estate, target: PyinfraHost, head: str, queries: Sequence[StateQuery]
) -> tuple[list[str], list[Fault]]:
    host, stack = estate.hosts[target.name], estate.stacks.get(target.name)
    mirrors = host.docker.registry_mirrors if isinstance(host, StackHost) else ()
    words = {
        "IMAGES": image_lines(stack, mirrors) if stack else "",
        "PROJECT": stack.settings.project if stack else "",
        "PORTS": " ".join(bound_ports(stack)),
        "FORMER": former_project(host),
        **backup_words(host, stack),
    }
    # In a subshell: the preflight's exit is not the end, the head's is
    script = f"{head}(\n{variables(words)}{shell('facts/preflight.sh')})\n{all_scripts(queries)}"
    began = time.time()
    try:
        lines, states = split(read(target, script, timeout=TIMEOUT))
    except ReadError as error:
        fault = f"cannot run a command as root: {error}"
        return [], [Fault(f"{target.name}/sudo", fault, "let the login use sudo -n")]
    remember(target, states)
    # The clock is read at the command's beginning: half of what it took would be wrong by the time of its images
    faults = [*faults_of(target.name, lines, began), *key_faults(host, estate.ssh[target.name].key)]
    if stack and isinstance(host, StackHost) and host.backups:
        faults += refusals(target.name, host.backups, stack, lines, began)
    return lines, faults


def examine(
    estate: Estate,
    active: Iterable[PyinfraHost],
    head: str,
    queries: Mapping[str, Sequence[StateQuery]] = MappingProxyType({}),
) -> dict[PyinfraHost, tuple[list[str], list[Fault]]]:
    """Ask all hosts at once: one remote command each.

    + head: shell that comes first, and may end it (the lock)
    + queries: by host, the tasks whose state is read along
    """
    greenlets = {target: gevent.spawn(_ask, estate, target, head, queries.get(target.name, ())) for target in active}
    gevent.joinall(greenlets.values(), raise_error=True)
    return {target: greenlet.value for target, greenlet in greenlets.items()}
