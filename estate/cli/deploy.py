"""`estate deploy` and `estate ssh`: pyinfra and ssh, told by the inventory."""

import os
import subprocess
import sys
from pathlib import Path

from estate.cli.errors import err
from estate.inventory import Ssh, load
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.pyinfra_run import PLAN_IN, SECRETS_FROM, argv
from estate.remote import run_as_root, ssh_argv
from estate.render.templates import ROOT
from estate.run.guard import PURPOSE
from estate.run.lock import break_script
from estate.run.record import RunRecord
from estate.run.saved_plan import read as read_plan
from estate.run.store import latest
from estate.secret_store.load import mode_of


def run(inventory: Path, limit: tuple[str, ...], exclude: tuple[str, ...], secrets: str, yes: bool) -> int:
    """Run pyinfra over the inventory; returns its exit code (estate/exit_codes.py).

    Raises EstateFaults for a fault in the declarations, a limit that matches nothing, an unknown source.
    """
    mode = mode_of(secrets)
    estate = load(inventory.resolve())
    estate.select(limit)
    faults = [
        Fault(f"--exclude {name}", "is not an optional host", "declare it so (optional), or deploy with --limit")
        for name in exclude
        if name not in estate.hosts or not estate.hosts[name].optional
    ]
    if not yes and not sys.stdin.isatty():
        faults.append(
            Fault("--yes", "is missing, and there is no terminal to ask at", "look at `estate plan`, then --yes")
        )
    if faults:
        raise EstateFaults(faults)
    words = argv(inventory, limit, *(["-y"] if yes else []), exclude=exclude)
    purpose = " ".join(["estate deploy", estate.name, *(f"--limit {n}" for n in limit), f"({mode.value})"])
    environment = os.environ | {SECRETS_FROM: mode.value, PURPOSE: purpose}
    with subprocess.Popen(words, cwd=ROOT, env=environment) as process:
        return _wait(process)


def apply_plan(path: Path) -> int:
    """Run pyinfra so that it does what a saved plan says, or nothing; returns its exit code. Raises EstateFaults."""
    plan = read_plan(path)
    inventory = ROOT / plan.inventory
    load(inventory.resolve())
    words = argv(inventory, plan.limit, exclude=plan.exclude)
    environment = os.environ | {PLAN_IN: str(path.resolve()), PURPOSE: f"estate apply {path.name} ({plan.run})"}
    environment |= {SECRETS_FROM: plan.secrets} if plan.secrets else {}
    # Without -y, so that everything is compared before anything is done; the plan was the question, this the answer
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101
        process.stdin.write(b"\n")
        process.stdin.close()
        return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Its exit code; a Ctrl-C reaches it as well, and it is for it to say what that means."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def resumed(inventory: Path) -> tuple[str, ...]:
    """What the last run was limited to, when that did not end well.

    Raises EstateFaults when there is nothing to resume.
    """
    estate = load(inventory.resolve())
    last: RunRecord | None = latest(estate.name)
    if last is None or last.outcome == "done":
        raise EstateFaults([Fault("--resume", "the last run from this machine ended well", "leave it out")])
    err.print(f"run {last.run} ({last.purpose}) ended {last.outcome.replace('_', ' ')}: going on", markup=False)
    return last.limit


def _ssh_of(inventory: Path, name: str) -> Ssh:
    """How a host is reached. Raises EstateFaults for an unknown one."""
    hosts = load(inventory.resolve()).ssh
    if name not in hosts:
        raise EstateFaults([Fault(name, "no such host", did_you_mean(name, hosts))])
    return hosts[name]


def break_lock(inventory: Path, name: str) -> str:
    """Remove a host's lock, whosever it is; says whose it was. Raises EstateFaults."""
    outcome = run_as_root(name, _ssh_of(inventory, name), break_script())
    fields = outcome.stdout.strip().split("\t")
    if len(fields) < 5:
        return f"{name}: there was no lock"
    return f"{name}: removed the lock of {fields[1]} since {fields[2]} ({fields[3]})"


def log_in(inventory: Path, name: str, command: list[str]) -> None:
    """Become ssh. Raises EstateFaults for an unknown host."""
    words = [*ssh_argv(_ssh_of(inventory, name)), *command]
    os.execvp(words[0], words)  # noqa: S606 - ssh takes over
