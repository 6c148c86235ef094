"""Confirm-or-revert: a change of sshd or firewall stands only when a new connection has confirmed it.

The undo is armed on the host (a systemd timer, which survives us), the change is applied, a new connection is made
by the normal path, and only that connection disarms the timer (docs/decisions/0013-confirm-or-revert.md).
"""

import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass

from pyinfra import host, inventory
from pyinfra.api.command import StringCommand

from estate.inventory import Ssh, current
from estate.models.desired import STATE_DIR, Guard, Handler
from estate.models.faults import EstateFaults, Fault
from estate.operations.command import controller, script
from estate.remote import run_as_root
from estate.render.shell import PATH, shell, variables
from estate.run.current import RETURNED


@dataclass(frozen=True)
class Gate:
    """What besides a new connection a change has to pass before it stands.

    + well: raises EstateFaults with what is not well yet
    + patience: seconds until it has to be well; then the change is taken back at once
    + revert_after: seconds after which the host takes it back when nobody can reach it
    + timeout: seconds that the change itself may take
    """

    well: Callable[[], None]
    patience: int
    revert_after: int
    timeout: int


SPARE = 5
"""Seconds before the timer fires by which the confirmation has to be there; and those that we wait after it."""
_CONNECT = 4


def undo_script(handler: Handler, guard: Guard) -> str:
    """What the timer runs: the old files back, the old configuration in force, and a note that it was so."""
    kept = f"{STATE_DIR}/revert/{handler.name}"
    return "\n".join(
        [
            f"export {PATH}",
            f"kept={kept} saved={kept}/saved",
            f"rm -f {handler.stamp}",
            # The files first, each by a rename, so that a reader never sees half of one
            'if [ -d "$kept/files" ]; then (cd "$kept/files" && find . -type f) | while read -r file; do',
            '    cp -a "$kept/files/$file" "/$file.estate-old" && mv -f "/$file.estate-old" "/$file"',
            "done; fi",
            'if [ -f "$kept/absent" ]; then while read -r file; do rm -f "$file"; done <"$kept/absent"; fi',
            f"( {guard.undo} )",
            "code=$?",
            'rm -rf "$kept"',
            'printf "%s\\n" "$code" >"$kept.reverted"',
        ]
    )


def _head(handler: Handler, guard: Guard, after: int) -> str:
    words = {
        "NAME": handler.name,
        "STAMP": handler.stamp,
        "DIGEST": handler.digest,
        "AFTER": str(after),
        "UNDO": undo_script(handler, guard),
    }
    return f"{variables(words)}save() {{ {guard.save}\n}}\n{shell('operations/guarded.sh')}"


def change_script(handler: Handler, guard: Guard, after: int) -> str:
    """Arms the undo and applies the change; one that fails at once is taken back at once."""
    return (
        f"{_head(handler, guard, after)}\n"
        f'rm -f "$kept.reverted"\narm || {{ echo "the undo could not be armed; nothing was applied" >&2; exit 1; }}\n'
        f"( {handler.command} ) && exit 0\n"
        f'systemctl stop "$unit.timer"\nsh "$kept/undo.sh"\n'
        f'[ "$(cat "$kept.reverted")" = 0 ] && echo "{RETURNED} {handler.name}"\nexit 1\n'
    )


def confirm_script(handler: Handler, guard: Guard, after: int) -> str:
    """Disarms the undo and stamps the change as applied: what the new connection runs."""
    return f"{_head(handler, guard, after)}\ndisarm\n"


def is_back_script(handler: Handler) -> str:
    """Whether the host took the change back."""
    return f'[ "$(cat {STATE_DIR}/revert/{handler.name}.reverted 2>/dev/null)" = 0 ]'


def _confirm(
    name: str, ssh: Ssh, handler: Handler, guard: Guard, after: int, armed: float, gate: Gate | None = None
) -> None:
    """Connect anew until it works or the time is over. Raises EstateFaults when the change was taken back."""
    last = "no answer"
    end = armed + after - SPARE
    if gate is not None:
        last = _pass(gate, min(end, time.monotonic() + gate.patience))
        if last:
            _take_back(name, ssh, handler)
            raise EstateFaults(_wait_for_return(name, ssh, handler, after, armed, last, "not well"))
    while time.monotonic() < end:
        try:
            outcome = run_as_root(name, ssh, confirm_script(handler, guard, after), timeout=_CONNECT * 2, wait=_CONNECT)
        except EstateFaults as error:
            last = error.faults[0].fault
            time.sleep(1)
            continue
        if outcome.code == 0:
            return
        last = "the undo could not be disarmed"
        break
    raise EstateFaults(_wait_for_return(name, ssh, handler, after, armed, last))


def _pass(gate: Gate, end: float) -> str:
    """Ask until all is well; what is not when the time is over, or nothing."""
    last = "not asked in time"
    while time.monotonic() < end:
        try:
            gate.well()
        except EstateFaults as error:
            last = "; ".join(fault.fault for fault in error.faults)
            time.sleep(1)
            continue
        return ""
    return last


def _take_back(name: str, ssh: Ssh, handler: Handler) -> None:
    """Have the undo run now; if that cannot be asked for, its timer does it."""
    unit, kept = f"estate-revert-{handler.name}", f"{STATE_DIR}/revert/{handler.name}"
    # A unit again: what it does may cut off the connection that asked for it
    now = f"systemd-run --quiet --collect --unit={unit}-now /bin/sh {kept}/undo.sh"
    with suppress(EstateFaults):
        text = f"systemctl stop {unit}.timer && ! systemctl --quiet is-active {unit}.service && {now}"
        run_as_root(name, ssh, text, timeout=_CONNECT * 2, wait=_CONNECT)


def _wait_for_return(
    name: str, ssh: Ssh, handler: Handler, after: int, armed: float, why: str, what: str = "no new connection"
) -> list[Fault]:
    """The faults to report once the host is back, or is not."""
    path = f"{name}/{handler.name}"
    cause = Fault(path, f"{what} after the change ({why})", "correct what was declared for it")
    while time.monotonic() < armed + after + 3 * SPARE:
        try:
            outcome = run_as_root(name, ssh, is_back_script(handler), timeout=_CONNECT * 2, wait=_CONNECT)
        except EstateFaults:
            time.sleep(1)
            continue
        if outcome.code == 0:
            seconds = time.monotonic() - armed
            return [cause, Fault(RETURNED, f"{path} after {seconds:.0f} s", "the host took the change back by itself")]
        time.sleep(1)
    return [cause, Fault(path, "the host did not come back", "log in at its console; see /var/lib/estate/revert")]


def guarded(handler: Handler, gate: Gate | None = None) -> Generator[StringCommand, None, None]:
    """The commands that apply a guarded handler to the host of this operation."""
    guard = handler.guard
    assert guard is not None  # noqa: S101 - the caller chose handlers that have one
    estate, name = current(inventory), host.name
    after = gate.revert_after if gate else estate.hosts[name].revert_after
    yield script(change_script(handler, guard, after), timeout=gate.timeout if gate else 60)
    armed = time.monotonic()
    yield controller(
        f"confirm {handler.name} over a new connection",
        lambda: _confirm(name, estate.ssh[name], handler, guard, after, armed, gate),
    )
