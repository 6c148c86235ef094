"""Tail the files, run the stages, push to Loki; a position moves on only after Loki took the lines."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.standins.alloy.config import Config, Labels, Source, Write
from lab.standins.alloy.stages import Entry

CHUNK = 256 * 1024
Push = Callable[[str, bytes], int]


def post(url: str, body: bytes) -> int:
    """Post JSON; give the status, or 0 when nothing answered."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
            return int(reply.status)
    except urllib.error.HTTPError as reply:
        return reply.code
    except OSError:
        return 0


class Positions:
    """How far each file was read, by source and path: offset and inode; kept in one file."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "positions.json"
        try:
            self._known: dict[str, list[int]] = json.loads(self._path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def get(self, key: str, inode: int, size: int) -> int | None:
        """Give where to read on; 0 for a replaced or cut file, None for an unknown one."""
        if key not in self._known:
            return None
        offset, known_inode = self._known[key]
        return offset if known_inode == inode and offset <= size else 0

    def put(self, key: str, inode: int, offset: int) -> None:
        """Note how far a file was read."""
        self._known[key] = [offset, inode]

    def save(self) -> None:
        """Write the file, whole or not at all."""
        scratch = self._path.with_suffix(".part")
        scratch.write_text(json.dumps(self._known))
        scratch.replace(self._path)


@dataclass(frozen=True)
class Chunk:
    """Whole lines of one file, and where they end."""

    key: str
    inode: int
    end: int
    lines: list[str]


def batch(entries: list[Entry], external: Labels) -> bytes:
    """Group entries into streams, in Loki's JSON form."""
    streams: dict[str, tuple[Labels, list[list[str]]]] = {}
    for entry in entries:
        labels = {**external, **{k: v for k, v in entry.labels.items() if not k.startswith("__")}}
        key = json.dumps(labels, sort_keys=True)
        streams.setdefault(key, (labels, []))[1].append([str(entry.at), entry.line])
    documents = [{"stream": labels, "values": values} for labels, values in streams.values()]
    return json.dumps({"streams": documents}).encode()


class Shipper:
    """One pass reads what is new in every file; `run` repeats it."""

    def __init__(self, config: Config, storage: Path, push: Push = post) -> None:
        self.config, self._push = config, push
        self.positions = Positions(storage)
        self.counts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Ship until told to stop; rest a second whenever nothing was new, longer while Loki is away."""
        pause = 1.0
        while not stop.is_set():
            moved, failed = self.once()
            pause = min(pause * 2, 30.0) if failed else 1.0
            if failed or not moved:
                stop.wait(pause)

    def once(self) -> tuple[int, int]:
        """Read and push once; give how many chunks went and how many could not."""
        moved = failed = 0
        for source in self.config.sources:
            for labels, chunk in self._chunks(source):
                if self._ship(source, labels, chunk):
                    self.positions.put(chunk.key, chunk.inode, chunk.end)
                    moved += 1
                else:
                    failed += 1
        if moved:
            self.positions.save()
        return moved, failed

    def _chunks(self, source: Source) -> Iterator[tuple[Labels, Chunk]]:
        for target in source.targets:
            excluded = target.get("__path_exclude__")
            kept = {key: text for key, text in target.items() if not key.startswith("__")}
            for path in sorted(Path("/").glob(target["__path__"].lstrip("/"))):
                if path.is_file() and not (excluded and path.match(excluded)):
                    chunk = self._read(source, path)
                    if chunk:
                        yield {**kept, "filename": str(path)}, chunk

    def _read(self, source: Source, path: Path) -> Chunk | None:
        key = f"{source.name} {path}"
        try:
            with path.open("rb") as handle:
                stat = path.stat()
                offset = self.positions.get(key, stat.st_ino, stat.st_size)
                if offset is None:
                    offset = stat.st_size if source.from_end else 0
                    self.positions.put(key, stat.st_ino, offset)
                handle.seek(offset)
                data = handle.read(CHUNK)
        except OSError as fault:
            if not self.counts[f"unreadable {path}"]:
                print(f"level=error component_id={source.name} msg={str(fault)!r}", file=sys.stderr)
            self.counts[f"unreadable {path}"] += 1
            return None
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) == CHUNK:
            whole = len(data)  # a line longer than a chunk goes in parts
        if not whole:
            return None
        lines = data[:whole].decode(errors="replace").split("\n")
        self.counts["read"] += len(lines) - 1
        return Chunk(key, stat.st_ino, offset + whole, [line for line in lines if line])

    def _ship(self, source: Source, labels: Labels, chunk: Chunk) -> bool:
        now = time.time_ns()
        return all(
            self._receive(
                receiver, [Entry(now + number, dict(labels), line) for number, line in enumerate(chunk.lines)]
            )
            for receiver in source.forward_to
        )

    def _receive(self, receiver: str, entries: list[Entry]) -> bool:
        write = self.config.writes.get(receiver)
        if write is not None:
            return self._write(write, entries)
        process = self.config.processes[receiver]
        for entry in entries:
            for stage in process.stages:
                stage.apply(entry)
        return all(self._receive(name, entries) for name in process.forward_to)

    def _write(self, write: Write, entries: list[Entry]) -> bool:
        if not entries:
            return True
        body = batch(entries, write.external_labels)
        for url in write.urls:
            status = self._push(url, body)
            if status == 0 or status == 429 or status >= 500:
                self.counts["retried"] += 1
                return False
            self.counts["sent" if status < 300 else "dropped"] += len(entries)
        return True
