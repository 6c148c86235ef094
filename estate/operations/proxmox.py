"""Proxmox nodes: what the cluster shares, containers, and the first login into a new one."""

import base64
import shlex
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.facts.proxmox import recall
from estate.models.desired import Directory, File
from estate.models.host import HomelabHost, ProxmoxHost
from estate.operations.announce import announce
from estate.operations.command import script
from estate.operations.system import account_script
from estate.plan import pct, proxmox
from estate.plan.change import Change
from estate.plan.proxmox_state import PveState
from estate.plan.step import Step
from estate.plan.templates import downloads
from estate.render.base import base
from estate.render.proxmox import TASK, TOKENS
from estate.render.shell import shell, variables

STEP_TIMEOUT = 600
"""Seconds that one step may take (a download, a container's creation); a migration may take six times that."""
BOOTSTRAP_PACKAGES = ("openssh-server", "python3", "sudo")


@dataclass(frozen=True)
class Place:
    """A node, and every declared container of the estate."""

    node: ProxmoxHost
    declared: tuple[HomelabHost, ...]

    def __str__(self) -> str:
        return self.node.name

    @property
    def state(self) -> PveState:
        """What the current host was like when the run began."""
        return recall(host, self.node, self.declared)


def steps_script(steps: Iterable[Step]) -> str:
    """One script for all steps; it ends with the first that fails, and says which."""
    lines = [variables({"TOKENS": TOKENS}) + shell("operations/proxmox.sh")]
    for step in steps:
        lines += [f"run {shlex.quote(str(step.change))} {shlex.join(words)}" for words in step.commands]
    return "\n".join([*lines, ""])


def timeout_of(steps: Sequence[Step]) -> int:
    """Seconds that the steps may take together."""
    return sum(STEP_TIMEOUT * (6 if step.change.action == "migrate" else 1) for step in steps)


def container_steps(place: Place, state: PveState) -> list[Step]:
    """Templates to download, then the containers."""
    node, declared = place.node, place.declared
    new = [one for one in declared if one.node == node.name and one.vmid not in state.guests]
    return [*downloads(node, new, state), *pct.containers(node, declared, state)]


def realm_script(realm: str) -> str:
    """Sets a realm's client key; its standard input is the key."""
    head = variables({"TOKENS": TOKENS, "REALM": realm}) + shell("operations/proxmox.sh")
    return head + shell("operations/proxmox_realm.sh")


def _accounts(container: HomelabHost) -> str:
    # Those with a declared UID first: an admin without one would take it
    accounts = sorted(base(container).accounts, key=lambda account: account.uid is None)
    lines = [f"id -u {a.name} >/dev/null 2>&1 || ( {account_script(a, False)} )" for a in accounts]
    return "\n".join(["accounts() {", *lines, "}", ""])


def _files(container: HomelabHost) -> str:
    lines = ["files() {"]
    for node in base(container).tree:
        if "/.ssh" not in node.path and not node.path.startswith("/etc/sudoers.d/"):
            continue
        mode, owner = f"{node.mode:o}", f"{node.owner}:{node.group}"
        if isinstance(node, Directory):
            lines.append(f"install -d -m {mode} -o {node.owner} -g {node.group} {shlex.quote(node.path)}")
        elif isinstance(node, File):
            path, content = shlex.quote(node.path), base64.b64encode(node.content).decode()
            lines.append(f"printf %s {content} | base64 -d >{path}.new && chmod {mode} {path}.new")
            lines.append(f"chown {owner} {path}.new && mv -f {path}.new {path}")
    return "\n".join([*lines, "}", ""])


def inner_script(container: HomelabHost) -> str:
    """What runs as root inside of a new container: public keys only, no secret."""
    head = variables({"PACKAGES": " ".join(BOOTSTRAP_PACKAGES)})
    return head + _accounts(container) + _files(container) + shell("operations/container_bootstrap.sh")


def bootstrap_step(container: HomelabHost, why: str) -> Step:
    """Through the node, with nothing of our environment (pve-container: `pct exec` keeps it by default)."""
    words = ("pct", "exec", str(container.vmid), "--keep-env", "0", "--", "sh", "-c", inner_script(container))
    return Step(Change("container", pct.label(container), "bootstrap", (why,)), (words,))


def _announced(steps: Sequence[Step]) -> None:
    announce(host, TASK, [step.change for step in steps])


@operation()
def shared(place: Place) -> Generator[StringCommand, None, None]:
    """Make storages, access lists, realms and backup jobs of the cluster as declared; what else there is stays."""
    steps = proxmox.shared(place.node, place.declared, place.state)
    if not steps:
        host.noop("what the cluster shares is as declared")
        return
    _announced(steps)
    yield script(steps_script(steps), timeout=timeout_of(steps))


@operation()
def realm_keys(place: Place, values: Mapping[str, str]) -> Generator[StringCommand, None, None]:
    """Give realms their client keys.

    + values: the estate's secrets
    """
    found = proxmox.realm_keys(place.node, place.state, values)
    if not found:
        host.noop("every realm has its client key")
        return
    announce(host, TASK, [change for _, change in found])
    for realm, _ in found:
        yield script(realm_script(realm.name), timeout=90, stdin=f"{values[realm.client_secret]}\n")


@operation()
def containers(place: Place) -> Generator[StringCommand, None, None]:
    """Create, change, grow, move and start the declared containers; nothing is ever shrunk or destroyed."""
    steps = container_steps(place, place.state)
    if not steps:
        host.noop("every container is as declared")
        return
    _announced(steps)
    yield script(steps_script(steps), timeout=timeout_of(steps))


@operation()
def bootstrap(place: Place) -> Generator[StringCommand, None, None]:
    """Let the admins log in to containers that were just made: sshd, account, key, sudo."""
    steps = [bootstrap_step(*found) for found in pct.to_bootstrap(place.node, place.declared, place.state)]
    if not steps:
        host.noop("every running container can be logged in to")
        return
    _announced(steps)
    for step in steps:
        yield script(steps_script([step]), timeout=STEP_TIMEOUT)
