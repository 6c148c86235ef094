"""What a part is given, and how it seals what it reads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from estate_backup import crypt, proc, room
from estate_backup.config import Config, Part, Service
from estate_backup.errors import BackupError
from estate_backup.manifest import Part as Sealed
from estate_backup.pool import Pool

LOG = logging.getLogger("estate-backup")
Made = dict[str, Sealed]
"""name of the file without `.age` → what it holds"""


@dataclass(frozen=True)
class Job:
    """One part of one service.

    + folder: where its ciphertext goes; + scratch: a folder for what must lie in the clear for a moment
    """

    config: Config
    service: Service
    part: Part
    folder: Path
    scratch: Path
    pool: Pool

    @property
    def at(self) -> str:
        """The path of faults."""
        return f"services/{self.service.name}/{self.part.name}"

    def fault(self, text: str, remedy: str = "") -> BackupError:
        """Make a fault of this part."""
        return BackupError(self.at, text, remedy)

    def inside(self, *command: str) -> list[str]:
        """The command that runs another one in the service's container."""
        return ["docker", "exec", "-i", self.service.container, *command]

    def seal(
        self,
        name: str,
        source: Sequence[proc.Command],
        *,
        stdin: Path | None = None,
        feed: Callable[[IO[bytes]], None] | None = None,
        proofs: Sequence[proc.Command] = (),
    ) -> proc.Flow:
        """Encrypt what `source` writes to NAME.age as it comes; each of `proofs` reads the plaintext beside that.

        Raises BackupError when any stage of it failed; the file is then gone.
        """
        room.require(self.config)
        target, started = self.folder / f"{name}.age", time.monotonic()
        sinks: list[tuple[list[proc.Command], Path | None]] = [([crypt.encrypt_command(self.config)], target)]
        sinks += [([proof], None) for proof in proofs]
        try:
            flow = proc.stream(source, sinks, stdin, feed)
        except BackupError as fault:
            target.unlink(missing_ok=True)
            raise self.fault(f"{name}: {fault.fault}", fault.remedy) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        self.tell(name, flow.size, started)
        return flow

    def tell(self, name: str, size: int, started: float) -> None:
        """Tell the journal that a part is done."""
        LOG.info("%s/%s: %d bytes in %.1f s", self.service.name, name, size, time.monotonic() - started)
