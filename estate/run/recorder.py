"""Listens to pyinfra: records what happens, stops a run that has to stop, ends it on every host."""

from typing import Any

from pyinfra import logger
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State

from estate.run.current import Run
from estate.run.link import alive
from estate.run.locks import Locks
from estate.run.record import OperationRecord
from estate.run.saved import check_saved


def task_and_name(names: set[str]) -> tuple[str, str]:
    """From an operation's name, "Base | Install packages": the task module and what it does."""
    task, _, name = sorted(names)[0].partition(" | ")
    return task, name or task


class Recorder(BaseStateCallback):
    """One run's ear in pyinfra."""

    def __init__(self, run: Run, locks: Locks) -> None:
        self.run, self.locks = run, locks
        self.failed_task = ""
        self.left: set[str] = set()

    def begin(self, state: State) -> None:
        """Note that execution starts; raises PyinfraError when it must not."""
        check_saved(self.run)
        self.run.executing = True
        self.left = set(state.get_op_order())
        self.locks.confirm()

    def operation_start(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """Between operations nothing runs on any host: the place to stop."""
        if not self.run.executing:
            self.begin(state)
        task, _ = task_and_name(state.get_op_meta(op_hash).names)
        if self.run.stop:
            raise PyinfraError(self.run.stop)
        if self.failed_task and task != self.failed_task:
            raise PyinfraError(f"stopped before {task}, as {self.failed_task} failed; mend it and run again")

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """Count operations that had their turn."""
        self.left.discard(op_hash)
        self.run.finished = not self.left

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:  # type: ignore[override]
        """Start the clock."""
        mine = self.run.host(host.name)
        mine.began, mine.changes, mine.output = self.run.elapsed(), [], []

    def operation_host_success(self, state: State, host: Host, op_hash: str, retry_count: int = 0) -> None:  # type: ignore[override]
        """Note what was changed."""
        mine = self.run.host(host.name)
        self._note(state, host, op_hash, "changed" if mine.changes else "unchanged")

    def operation_host_error(  # type: ignore[override]
        self, state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        """Note what failed, and whether the host is still there."""
        mine = self.run.host(host.name)
        mine.failed = True
        mine.lost = not alive(host)
        task, name = task_and_name(state.get_op_meta(op_hash).names)
        mine.error = f"{task} | {name}" + (": the connection was lost" if mine.lost else "")
        self.failed_task = self.failed_task or task
        self._note(state, host, op_hash, "returned" if mine.returned else "failed")

    def _note(self, state: State, host: Host, op_hash: str, outcome: str) -> None:
        mine = self.run.host(host.name)
        task, name = task_and_name(state.get_op_meta(op_hash).names)
        if op_hash not in state.ops[host]:
            return
        changes: tuple[dict[str, Any], ...] = tuple(mine.changes)
        output = "\n".join(mine.output) if outcome in {"failed", "returned"} else ""
        mine.operations.append(
            OperationRecord(
                task=task,
                name=name,
                began=mine.began,
                ended=self.run.elapsed(),
                outcome=outcome,
                changes=changes,
                output=output,
            )
        )

    def host_disconnect(self, state: State, host: Host) -> None:  # type: ignore[override]
        """On every way out that Python knows: the journal is written and the lock given back."""
        try:
            self.locks.leave(host)
        except Exception as error:  # whatever it is, it may not keep the other hosts from being left
            text = (str(error).splitlines() or [type(error).__name__])[-1].strip()
            logger.warning("%s: the journal could not be written (%s); its lock ends by itself", host.name, text)
