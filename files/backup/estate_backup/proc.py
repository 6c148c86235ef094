"""Other programs: argument lists only, never a shell; every stage's status counts, and faults say which stage."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from estate_backup.errors import BackupError

Command = Sequence[str]
BLOCK = 1 << 17
SIGPIPE = -13


@dataclass(frozen=True)
class Flow:
    """What went through a stream: bytes, their sha256, and the last few of them."""

    size: int
    sha256: str
    tail: bytes


class Stages:
    """Commands whose outputs feed each other. Leaving it waits for all, or kills all when something went wrong."""

    def __init__(
        self,
        commands: Sequence[Command],
        stdin: int | IO[bytes],
        stdout: int | IO[bytes],
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._errors: list[BinaryIO] = []
        self._running: list[subprocess.Popen[bytes]] = []
        self._commands = [list(command) for command in commands]
        feed = stdin
        try:
            for number, command in enumerate(self._commands):
                last = number == len(self._commands) - 1
                process = self._start(command, feed, stdout if last else subprocess.PIPE, env)
                if number and not isinstance(feed, int):
                    feed.close()  # the next stage has it: the one before must see when that one ends
                feed = process.stdout or subprocess.DEVNULL
        except BaseException:
            self.kill()
            raise
        self.stdin = self._running[0].stdin
        self.stdout = self._running[-1].stdout

    def _start(
        self, command: list[str], stdin: int | IO[bytes], stdout: int | IO[bytes], env: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        error = os.fdopen(os.memfd_create("stderr"), "w+b")  # never on a disk
        self._errors.append(error)
        try:
            process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=error, env=env)
        except OSError as fault:
            raise BackupError(command[0], f"cannot be started: {fault.strerror}", "install it on the host") from None
        self._running.append(process)
        return process

    def wait(self, timeout: float | None = None) -> None:
        """Wait for all. Raises BackupError that names each stage which failed and says what it said last."""
        try:
            for process in self._running:
                process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BackupError(self._commands[0][0], f"did not end within {timeout:g} seconds", "") from None
        failed = [n for n, process in enumerate(self._running) if process.returncode]
        # who writes to a stage that failed gets SIGPIPE: not its own fault
        own = [n for n in failed if self._running[n].returncode != SIGPIPE] or failed
        try:
            if own:
                text = "; ".join(self._fault(n) for n in own)
                raise BackupError(" | ".join(command[0] for command in self._commands), text, "")
        finally:
            self._close()

    def _fault(self, number: int) -> str:
        process, command = self._running[number], self._commands[number]
        status = process.returncode
        said = _said(self._errors[number])
        return f"stage {number + 1} ({_short(command)}) {_how(status)}" + (f": {said}" if said else "")

    def kill(self) -> None:
        """Kill and reap what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
        for process in self._running:
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream:
                        stream.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        self._close()

    def _close(self) -> None:
        for error in self._errors:
            error.close()


def _short(command: Sequence[str]) -> str:
    """Name a command: inside a container, the program that runs there."""
    words = [word for word in command if not word.startswith("-")]
    return " ".join(words[: 4 if words[0] == "docker" else 2])


def _said(error: BinaryIO) -> str:
    """The last lines that a stage wrote to its standard error."""
    size = error.seek(0, os.SEEK_END)
    error.seek(max(0, size - 4000))
    return _last(error.read())


def _last(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:])[:600]


def _how(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"exited {status}"


@contextlib.contextmanager
def _opened(given: Path | IO[bytes] | None, mode: str) -> Iterator[int | IO[bytes]]:
    if given is None:
        yield subprocess.DEVNULL
    elif isinstance(given, Path):
        with given.open(mode) as handle:
            yield handle
    else:
        yield given


def pipeline(
    commands: Sequence[Command],
    stdin: Path | IO[bytes] | None = None,
    stdout: Path | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> None:
    """Run commands, each reading what the one before writes. Raises BackupError naming the stages that failed.

    + stdin, stdout: a path or an open binary file; None: /dev/null. A path that exists is never written again.
    + timeout: seconds for all of it
    """
    with _opened(stdin, "rb") as source, _opened(stdout, "xb") as target:
        stages = Stages(commands, source, target, env)
        try:
            stages.wait(timeout)
        except BaseException:
            stages.kill()
            raise


def output(
    argv: Command, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout: float | None = 600
) -> str:
    """Run one command and return its standard output. Raises BackupError with its status and last words."""
    status, text, said = status_of(argv, stdin, env, timeout)
    if status:
        raise BackupError(argv[0], f"{_short(argv)} {_how(status)}" + (f": {said}" if said else ""), "")
    return text


def status_of(
    argv: Command, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout: float | None = 600
) -> tuple[int, str, str]:
    """Run one command; return its status, its standard output, and the last lines of its standard error."""
    # one of the two only: gevent's subprocess, which tests of the controller bring in, refuses both
    feed: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin.encode()}
    try:
        done = subprocess.run(list(argv), capture_output=True, env=env, timeout=timeout, check=False, **feed)
    except OSError as fault:
        raise BackupError(argv[0], f"cannot be started: {fault.strerror}", "install it on the host") from None
    except subprocess.TimeoutExpired:
        raise BackupError(argv[0], f"{_short(argv)} did not end within {timeout:g} seconds", "") from None
    return done.returncode, done.stdout.decode(errors="replace"), _last(done.stderr)


def stream(
    source: Sequence[Command],
    sinks: Sequence[tuple[Sequence[Command], Path | None]],
    stdin: Path | None = None,
    feed: Callable[[IO[bytes]], None] | None = None,
    env: Mapping[str, str] | None = None,
) -> Flow:
    """Pass what `source` writes to every sink (its commands, the file its last one writes), and measure it.

    + feed: writes the first command's standard input, in a thread of its own

    Raises BackupError when any stage of any of them failed; files that sinks wrote are then incomplete.
    """
    with contextlib.ExitStack() as stack:
        given = subprocess.PIPE if feed else stack.enter_context(_opened(stdin, "rb"))
        outs = [stack.enter_context(_opened(path, "xb")) for _, path in sinks]
        running: list[Stages] = []
        try:
            running.append(Stages(source, given, subprocess.PIPE, env))
            for (commands, _), out in zip(sinks, outs, strict=True):
                running.append(Stages(commands, subprocess.PIPE, out, env))
            return _pump(running[0], running[1:], feed)
        except BaseException:
            for stages in running:
                stages.kill()
            raise


def _pump(source: Stages, sinks: Sequence[Stages], feed: Callable[[IO[bytes]], None] | None) -> Flow:
    feeder = _Feeder(feed, source.stdin) if feed and source.stdin else None
    digest, size, tail = hashlib.sha256(), 0, b""
    broken = False
    assert source.stdout is not None  # noqa: S101 - a pipe, by how it was made
    while not broken and (block := source.stdout.read1(BLOCK)):  # type: ignore[attr-defined]
        digest.update(block)
        size += len(block)
        tail = (tail + block)[-4096:]
        for sink in sinks:
            try:
                sink.stdin.write(block)  # type: ignore[union-attr]
            except BrokenPipeError:
                broken = True  # its status says why
    source.stdout.close()
    faults = []
    for sink in sinks:
        with contextlib.suppress(BrokenPipeError):
            sink.stdin.close()  # type: ignore[union-attr]
    if feeder:
        faults += feeder.join()
    for stages in (*sinks, source):
        try:
            stages.wait()
        except BackupError as fault:
            faults.append(fault)
    if faults:
        raise faults[0] if len(faults) == 1 else BackupError(faults[0].path, "; ".join(f.fault for f in faults), "")
    return Flow(size, digest.hexdigest(), tail)


class _Feeder:
    """A thread that writes a command's input; what it raises comes out of `join`."""

    def __init__(self, feed: Callable[[IO[bytes]], None], target: IO[bytes]) -> None:
        self._feed, self._target = feed, target
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._target:
                self._feed(self._target)
        except BrokenPipeError:
            pass  # the command's status says why
        except BaseException as fault:  # handed over
            self._raised = fault

    def join(self) -> list[BackupError]:
        """Wait for it; return what it raised when it is a fault, raise it otherwise."""
        self._thread.join()
        if self._raised is None:
            return []
        if isinstance(self._raised, BackupError):
            return [self._raised]
        if isinstance(self._raised, OSError):
            return [BackupError(self._raised.filename or "input", self._raised.strerror or str(self._raised), "")]
        raise self._raised
