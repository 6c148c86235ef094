"""Makes a run of pyinfra's command a safe one: hooked in by the inventory, before anything is connected to."""

import atexit
import logging
import os
import re
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import click
import gevent
from pyinfra.api.state import State, StateStage
from pyinfra.connectors import util as connector
from pyinfra.context import ctx_state

from estate.exit_codes import ExitCode
from estate.inventory import Estate
from estate.models.faults import EstateFaults, Fault
from estate.preflight import unreachable
from estate.run.current import Run, begin, current
from estate.run.options import Options, option_faults
from estate.run.recorder import Recorder
from estate.run.saved import save_planned

PURPOSE = "ESTATE_PURPOSE"
"""Environment variable: what the wrapper was called with, for lock and journal."""
_AFTER_CONNECTING = 0.02
"""Seconds in which pyinfra has begun to connect to all hosts."""
_CONNECT_ERROR = re.compile(r"^\s*\[(?P<host>[^\]]+)\]\s+(?P<text>\S.*)$")


class _ConnectErrors(logging.Handler):
    """Remembers why hosts could not be connected to: pyinfra tells its log, and nobody else in time."""

    def __init__(self, run: Run) -> None:
        super().__init__(logging.ERROR)
        self.run = run

    def emit(self, record: logging.LogRecord) -> None:
        """Note the last error of each host."""
        found = _CONNECT_ERROR.match(click.unstyle(record.getMessage()))
        if found:
            self.run.connect_errors[found["host"]] = found["text"]


def install(estate: Estate) -> None:
    """Begin the process's run. Raises EstateFaults when its command line is unsafe."""
    context = click.get_current_context(silent=True)
    if context is None or not ctx_state.isset():
        return
    options = Options.of(context.params)
    purpose = os.environ.get(PURPOSE) or " ".join(["pyinfra", *sys.argv[1:]])
    run = begin(Run(options, estate.name, " ".join(purpose.split())[:200]))
    atexit.register(_leave, run)
    run.unreachable = lambda: unreachable(estate, run.connect_errors, run.connect_errors)
    groups = {host.group for host in estate.hosts.values()} | {"all", estate.name}
    if faults := option_faults(options, estate.hosts, groups):
        raise EstateFaults(faults)
    # What deploy.py imports takes longer than a round trip: it is imported while the hosts answer
    gevent.spawn_later(_AFTER_CONNECTING, import_module, "estate.deployment")
    state = ctx_state.get()
    # With -y pyinfra asks nothing; without it this keeps it from asking: a fault ends the run, no question
    state.should_raise_failed_hosts = lambda _: False
    setattr(connector, "getpass", _no_password)  # noqa: B010 - not exported, yet the only place that asks
    logging.getLogger("pyinfra").addHandler(_ConnectErrors(run))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, frame: _on_signal(run, state, n, frame))


def refuse(run: Run, faults: list[Fault], code: ExitCode = ExitCode.REFUSED) -> None:
    """Note that the run ends before it changes anything, and why."""
    run.refusal = code
    run.faults = [str(fault) for fault in faults]


def refuse_early(faults: list[Fault]) -> None:
    """Refuse a run whose declarations or command line are at fault; it may not even have begun."""
    run = current()
    if run is None and click.get_current_context(silent=True) is not None:
        run = begin(Run(Options(), "", " ".join(sys.argv[1:])[:200]))
        atexit.register(_leave, run)
    if run is not None:
        refuse(run, faults)


def _no_password(prompt: str = "") -> str:
    """Instead of pyinfra's question for a sudo password, which would hold up every host: an error of this one."""
    raise OSError("sudo asks for a password")


def _on_signal(run: Run, state: State, number: int, frame: FrameType | None) -> None:
    """The first signal lets running commands end; a second one, or one before any change, leaves at once."""
    again, run.interrupted = run.interrupted, True
    if again or state.current_stage < StateStage.Execute:
        sys.exit(ExitCode.INTERRUPTED)
    run.stop = f"interrupted by {signal.Signals(number).name}; the next run goes on from here"
    click.echo(
        "Interrupted: what is running ends first, then nothing more is started; once more leaves at once.", err=True
    )


def register(state: State, recorder: Recorder) -> None:
    """Let the recorder hear what pyinfra does, once."""
    if recorder not in state.callback_handlers:
        state.add_callback_handler(recorder)


def _leave(run: Run) -> None:
    """Last of all: the report, one line about it, and the exit code, which pyinfra itself does not tell apart."""
    save_planned(run)
    if not run.connected and run.refusal is None and run.connect_errors and run.unreachable is not None:
        # pyinfra ends by itself when there is no host left at all
        faults = run.unreachable()
        refuse(run, faults, ExitCode.UNREACHABLE)
        click.echo(str(EstateFaults(faults)), err=True)
    code = run.outcome()
    if run.estate and (run.executing or (run.refusal is not None and not run.options.dry)):
        _report(run, code)
    sys.stdout.flush()
    sys.stderr.flush()
    if code is not ExitCode.DONE:
        os._exit(int(code))


def _report(run: Run, code: ExitCode) -> None:
    words: list[Any] = [f"--> Run {run.id}: {code.name.lower().replace('_', ' ')}"]
    try:
        from estate.run.store import save

        words.append(f"; report: {save(run.record())}")
    except OSError as error:
        words.append(f"; no report could be written: {error}")
    click.echo("".join(words), err=True)
    for host in run.hosts.values():
        if host.failed:
            click.echo(f"    {host.name}: {host.outcome().name.lower().replace('_', ' ')} ({host.error})", err=True)
