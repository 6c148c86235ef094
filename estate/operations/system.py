"""Packages, accounts, kernel settings, units, and handlers that apply configuration."""

import shlex
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from estate.facts.host_state import StateQuery, recall
from estate.models.desired import STATE_DIR, Account, Desired
from estate.operations.announce import announce
from estate.operations.command import script
from estate.operations.guarded import guarded
from estate.plan import system as plan
from estate.plan.change import Change
from estate.render.shell import PATH

_PATH = f"export {PATH}"


@dataclass(frozen=True)
class Otherwise:
    """What follows in the same remote command when a handler fails, so that it does not need the controller.

    + script: by the name of the handler, lines of shell
    + timeout: seconds that they may take
    """

    script: Callable[[str], str]
    timeout: int


def install_script(names: Sequence[str]) -> str:
    """Installs packages; waits for another apt to finish instead of failing."""
    words = " ".join(shlex.quote(name) for name in names)
    apt = "apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold"
    return (
        f"set -eu; {_PATH} DEBIAN_FRONTEND=noninteractive\n"
        f"{apt} -qq update\n{apt} -y -qq --no-install-recommends install {words}"
    )


def account_script(account: Account, exists: bool) -> str:
    """Creates an account, or brings one into line; its home and files are kept."""
    lines = ["set -eu", _PATH]
    name = shlex.quote(account.name)
    if account.gid is not None and not exists:
        lines.append(f"getent group {name} >/dev/null || groupadd --gid {account.gid} {name}")
    options = [f"--shell {shlex.quote(account.shell)}"]
    if account.uid is not None:
        options.append(f"--uid {account.uid}")
    if account.gid is not None:
        options.append(f"--gid {account.gid}")
    if account.groups:
        options.append(("--append " if exists else "") + f"--groups {','.join(account.groups)}")
    verb = "usermod" if exists else "useradd --create-home"
    lines.append(f"{verb} {' '.join(options)} {name}")
    return "\n".join(lines)


@operation()
def packages(desired: Desired, query: StateQuery) -> Generator[StringCommand, None, None]:
    """Install the task's packages that are missing."""
    changes = plan.packages(desired, recall(host, query))
    if not changes:
        host.noop(f"all {len(desired.packages)} packages of {desired.task} are installed")
        return
    announce(host, desired.task, changes)
    yield script(install_script([change.name for change in changes]), timeout=900)


@operation()
def accounts(desired: Desired, query: StateQuery) -> Generator[StringCommand, None, None]:
    """Create the task's accounts, or bring them into line."""
    state = recall(host, query)
    changes = plan.accounts(desired, state)
    if not changes:
        host.noop(f"all {len(desired.accounts)} accounts of {desired.task} are as declared")
        return
    announce(host, desired.task, changes)
    changed = {change.name for change in changes}
    # Those with a declared UID first: one without would be given it
    for account in sorted(desired.accounts, key=lambda account: account.uid is None):
        if account.name in changed:
            yield script(account_script(account, account.name in state.accounts), timeout=60)


@operation()
def sysctl(desired: Desired, query: StateQuery) -> Generator[StringCommand, None, None]:
    """Give live kernel settings the declared values (the file of the same task keeps them over a boot)."""
    changes = plan.sysctl(desired, recall(host, query))
    if not changes:
        host.noop("kernel settings are live")
        return
    announce(host, desired.task, changes)
    wanted = dict(desired.sysctl)
    words = " ".join(shlex.quote(f"{change.name}={wanted[change.name]}") for change in changes)
    yield script(f"{_PATH}; sysctl -q -w {words}", timeout=60)


@operation()
def handlers(
    desired: Desired,
    query: StateQuery,
    only: Collection[str] | None = None,
    otherwise: Otherwise | None = None,
) -> Generator[StringCommand, None, None]:
    """Apply configuration that is not the running one; stamp it only when that succeeded.

    + only: leave handlers of other names to another call
    + otherwise: what follows when one fails
    """
    state = recall(host, query)
    reasons = plan.due(desired, state)
    due = [name for name in reasons if only is None or name in only]
    if not due:
        host.noop(f"the configuration of {desired.task} is applied")
        return
    announce(host, desired.task, [Change("handler", name, "apply", (reasons[name],)) for name in due])
    for handler in (handler for handler in desired.handlers if handler.name in due):
        if handler.guard:
            yield from guarded(handler)
            continue
        stamp = handler.stamp
        failed = otherwise.script(handler.name) if otherwise else ""
        # A subshell under -e of its own: `set -e` does not see a failure on the left of `&&`
        yield script(
            f"set -u; {_PATH}\nmkdir -p {STATE_DIR}/applied\nrm -f {stamp}\n"
            f"( {handler.command} ) || {{\n{failed}exit 1\n}}\nprintf '%s\\n' {handler.digest} >{stamp}",
            timeout=180 + (otherwise.timeout if otherwise else 0),
        )


@operation()
def units(desired: Desired, query: StateQuery) -> Generator[StringCommand, None, None]:
    """Enable and start the task's units, or disable and stop them."""
    changes = plan.units(desired, recall(host, query))
    if not changes:
        host.noop(f"all {len(desired.units)} units of {desired.task} are as declared")
        return
    announce(host, desired.task, changes)
    for change in changes:
        verb = "enable" if change.action == "enable" else "disable"
        yield script(f"{_PATH}; systemctl {verb} --now {shlex.quote(change.name)}", timeout=180)
