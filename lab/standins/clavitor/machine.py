"""What the process reads of the machine and of itself for its report."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

PROFILE = Path("/nix/var/nix/profiles/system")
MB = 1024 * 1024


class LastHour:
    """How many requests and errors the last 60 minutes had."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._minutes: dict[int, list[int]] = {}

    def count(self, error: bool) -> None:
        """Count one request."""
        minute = int(self._clock() // 60)
        with self._lock:
            counts = self._minutes.setdefault(minute, [0, 0])
            counts[0] += 1
            counts[1] += error

    def totals(self) -> tuple[int, int]:
        """Requests and errors."""
        oldest = int(self._clock() // 60) - 59
        with self._lock:
            self._minutes = {minute: counts for minute, counts in self._minutes.items() if minute >= oldest}
            return sum(c[0] for c in self._minutes.values()), sum(c[1] for c in self._minutes.values())


def generation(profile: Path = PROFILE) -> int:
    """The number of the NixOS generation that the system's profile points to; 0 when there is none."""
    try:
        found = re.fullmatch(r"system-(\d+)-link", profile.readlink().name)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def memory(text: str) -> tuple[float, float]:
    """Used memory, as MB and as percent, from the text of /proc/meminfo."""
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines() if len(line.split()) > 1}
    used = kilobytes["MemTotal"] - kilobytes["MemAvailable"]
    return round(used / 1024, 1), round(100 * used / kilobytes["MemTotal"], 1)


def disk(path: Path) -> tuple[float, float]:
    """Used space of the file system, as MB and as percent of what users may fill (as df counts)."""
    found = os.statvfs(path)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    room = used + found.f_bavail * found.f_frsize
    return round(used / MB, 1), round(100 * used / room, 1) if room else 0.0


class Processor:
    """Share of the processors' time that was not idle since the last look, in percent."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat, self._before = stat, (0, 0)

    def percent(self) -> float:
        """Look; the first time it is the mean since the machine started."""
        numbers = [int(word) for word in self._stat.read_text().splitlines()[0].split()[1:9]]
        total, idle = sum(numbers), numbers[3] + numbers[4]
        passed, idled = total - self._before[0], idle - self._before[1]
        self._before = (total, idle)
        return round(min(100.0, max(0.0, 100 * (passed - idled) / passed)), 1) if passed > 0 else 0.0
