"""`estate deploy` and `estate ssh`: pyinfra and ssh, told by the inventory."""

import os
import subprocess
from pathlib import Path

from estate.inventory import load
from estate.models.faults import EstateFaults, Fault, did_you_mean
from estate.pyinfra_run import SECRETS_FROM, argv
from estate.remote import ssh_argv
from estate.render.templates import ROOT
from estate.secret_store.load import mode_of


def run(inventory: Path, limit: tuple[str, ...], secrets: str, yes: bool) -> int:
    """Run pyinfra over the inventory; returns its exit code.

    Raises EstateFaults for a fault in the declarations, a limit that matches nothing, an unknown source.
    """
    mode = mode_of(secrets)
    load(inventory.resolve()).select(limit)
    words = argv(inventory, limit, *(["-y"] if yes else []))
    return subprocess.run(words, cwd=ROOT, env=os.environ | {SECRETS_FROM: mode.value}, check=False).returncode


def log_in(inventory: Path, name: str, command: list[str]) -> None:
    """Become ssh. Raises EstateFaults for an unknown host."""
    hosts = load(inventory.resolve()).ssh
    if name not in hosts:
        raise EstateFaults([Fault(name, "no such host", did_you_mean(name, hosts))])
    words = [*ssh_argv(hosts[name]), *command]
    os.execvp(words[0], words)  # noqa: S606 - ssh takes over
