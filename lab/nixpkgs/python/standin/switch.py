"""switch-to-configuration: makes a generation the running one, the next boot's, or both.

Status: 0 done; 1 refused; 2 a part of the activation failed; 4 activated, but units failed.
"""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import activate, boot, units
from .shell import StandInError, banner, locked, need_root, read_json, run, say
from .units import Applied, Plan

LOCK = Path("/run/nixos/switch-to-configuration.lock")
ACTIONS = ("switch", "test", "boot", "dry-activate")
SETTLE = 0.5
_VERBS = (("stop", "stopping"), ("reload", "reloading"), ("restart", "restarting"), ("start", "starting"))


def main(argv: Sequence[str]) -> int:
    """`OUT ACTION`: see the module. A hang-up or a reader that is gone does not stop it."""
    banner("switch-to-configuration")
    if len(argv) != 2 or argv[1] not in ACTIONS:
        raise StandInError(f"Usage: switch-to-configuration [{'|'.join(ACTIONS)}]")
    need_root()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    out, action = Path(argv[0]), argv[1]
    with locked(LOCK):
        if action in {"switch", "boot"}:
            boot.install(out)
        if action == "boot":
            return 0
        return dry(out) if action == "dry-activate" else switch(out)


def activate_only(argv: Sequence[str]) -> int:
    """`OUT`: everything but units and boot default, as <system>/activate does in NixOS."""
    banner("activate")
    need_root()
    return 0 if activate.activate(Path(argv[0])) else 2


def _planned(out: Path, applied: Applied) -> Plan:
    new = read_json(out / "units.json", {})
    return units.plan(applied.digests, new, units.states({*new, *applied.digests}))


def dry(out: Path) -> int:
    """Say what `switch` would do to units."""
    todo = _planned(out, Applied())
    for verb, _ in _VERBS:
        if names := getattr(todo, verb):
            say(f"would {verb} the following units: {', '.join(names)}")
    say("would activate the configuration...")
    return 0


def switch(out: Path) -> int:
    """Activate, with what each unit needs before and after."""
    applied = Applied()
    new = read_json(out / "units.json", {})
    todo = _planned(out, applied)
    if todo.stop:
        say(f"stopping the following units: {', '.join(todo.stop)}")
        applied.doubt(todo.stop)
        run("systemctl", "stop", "--", *todo.stop, check=False)
    if todo.skip:
        say(f"NOT restarting the following changed units: {', '.join(todo.skip)}")
    say("activating the configuration...")
    whole = activate.activate(out)
    run("systemctl", "daemon-reload")
    run("systemctl", "reset-failed", check=False)
    run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/00-nixos.conf", check=False)
    applied.forget(name for name in list(applied.digests) if name not in new)
    applied.done([*todo.skip, *todo.idle], new)
    failed = _each(todo, applied, lambda names: applied.done(names, new))
    targets = sorted({target for unit in new.values() for target in unit["wanted"] if target.endswith(".target")})
    run("systemctl", "start", "--", *targets, check=False)
    return _verdict(failed, new) or (0 if whole else 2)


def _each(todo: Plan, applied: Applied, done: Callable[[list[str]], None]) -> set[str]:
    """Reload, restart and start; return the units for which that went wrong."""
    failed: set[str] = set()
    for verb, doing in _VERBS[1:]:
        names = getattr(todo, verb)
        if not names:
            continue
        say(f"{doing} the following units: {', '.join(names)}")
        applied.doubt(names)
        if run("systemctl", verb, "--", *names, check=False).returncode == 0:
            done(names)
            continue
        wrong = {name for name in names if verb == "reload" and _reload_fails(name)}
        failed |= wrong
        done([name for name in names if name not in wrong])
    return failed


def _reload_fails(name: str) -> bool:
    return run("systemctl", "reload", "--", name, check=False).returncode != 0


def _verdict(failed: set[str], new: dict[str, dict[str, str]]) -> int:
    time.sleep(SETTLE)
    failed |= {name for name, state in units.states(new).items() if state.failed}
    if not failed:
        return 0
    say(f"warning: the following units failed: {', '.join(sorted(failed))}")
    for name in sorted(failed):
        say(run("systemctl", "status", "--no-pager", "--full", "--lines=5", "--", name, check=False).stdout)
    return 4
