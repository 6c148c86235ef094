"""Packages, accounts, units, kernel settings and handlers: wanted against there."""

from estate.models.desired import Account, Desired, Handler
from estate.plan.change import Change
from estate.plan.files import plan_files
from estate.plan.state import AccountState, HostState

_ENABLED = ("enabled", "static", "alias", "generated", "indirect")
_RUNNING = ("active", "activating", "reloading", "unmet")
"""`unmet`: systemd decided by the unit's own conditions that it has nothing to do on this machine."""


def packages(desired: Desired, state: HostState) -> list[Change]:
    """Packages to install."""
    return [Change("package", name, "install") for name in desired.packages if name not in state.packages]


def _account_differences(wanted: Account, there: AccountState) -> tuple[str, ...]:
    why = []
    if wanted.uid is not None and wanted.uid != there.uid:
        why.append(f"uid {there.uid} to {wanted.uid}")
    if wanted.gid is not None and wanted.gid != there.gid:
        why.append(f"gid {there.gid} to {wanted.gid}")
    if wanted.shell != there.shell:
        why.append(f"shell {there.shell} to {wanted.shell}")
    missing = [group for group in wanted.groups if group not in there.groups]
    if missing:
        why.append(f"join {', '.join(missing)}")
    return tuple(why)


def accounts(desired: Desired, state: HostState) -> list[Change]:
    """Accounts to create or to bring into line."""
    changes = []
    for account in desired.accounts:
        there = state.accounts.get(account.name)
        if there is None:
            changes.append(Change("user", account.name, "create"))
        elif why := _account_differences(account, there):
            changes.append(Change("user", account.name, "update", why))
    return changes


def units(desired: Desired, state: HostState) -> list[Change]:
    """Units to enable and start, or to disable and stop."""
    changes = []
    for unit in desired.units:
        there = state.units.get(unit.name)
        enabled = there.enabled if there else "absent"
        active = there.active if there else "inactive"
        if unit.running:
            if enabled not in _ENABLED or active not in _RUNNING:
                changes.append(Change("unit", unit.name, "enable", (f"is {enabled}, {active}",)))
        elif enabled == "enabled" or active == "active":
            changes.append(Change("unit", unit.name, "disable", (f"is {enabled}, {active}",)))
    return changes


def sysctl(desired: Desired, state: HostState) -> list[Change]:
    """Kernel settings whose live value is another one; one the kernel does not have is left out."""
    return [
        Change("sysctl", key, "update", (f"is {state.sysctl[key]}, should be {value}",))
        for key, value in desired.sysctl
        if key in state.sysctl and state.sysctl[key] != value
    ]


def _reason(handler: Handler, state: HostState, written: set[str]) -> str:
    """Why the handler has to run; empty when it has not."""
    if handler.name not in state.stamps:
        return "not applied"
    if state.stamps[handler.name] != handler.digest:
        return "configuration changed"
    if drifted := [path for path in handler.paths if path in written]:
        return f"{drifted[0]} was changed on the host"
    return ""


def due(desired: Desired, state: HostState) -> dict[str, str]:
    """Handlers that have to run, with the reason: names in the order of their declaration."""
    written = {file.path for file in plan_files(desired, state).write}
    reasons = {handler.name: _reason(handler, state, written) for handler in desired.handlers}
    return {name: reason for name, reason in reasons.items() if reason}
