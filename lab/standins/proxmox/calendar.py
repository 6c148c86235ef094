"""Calendar events, as jobs are scheduled by: `02:30`, `sun 02:00`, `mon..fri 22:00`, `*/15`, `daily`.

A subset of Proxmox's subset of systemd's (pve-docs, "Schedule Format"): days of the week, hours and minutes.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED = {
    "minutely": "*:*",
    "hourly": "*:00",
    "daily": "00:00",
    "weekly": "mon 00:00",
}


@dataclass(frozen=True)
class Event:
    """When it is: days (0 is Monday), hours, minutes."""

    days: frozenset[int]
    hours: frozenset[int]
    minutes: frozenset[int]

    def at(self, moment: datetime) -> bool:
        """Whether it is in the minute of a moment."""
        return moment.weekday() in self.days and moment.hour in self.hours and moment.minute in self.minutes

    def after(self, moment: datetime) -> datetime:
        """The next time after a moment, which is at most a week away."""
        found = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while found.weekday() not in self.days or found.hour not in self.hours:
            found = found.replace(minute=0) + timedelta(hours=1)
        while not self.at(found):
            found += timedelta(minutes=1)
        return found


def parse(text: str) -> Event:
    """Read an event. Raises ValueError for one that is not of the subset."""
    words = _NAMED.get(text.strip().lower(), text.strip().lower()).split()
    time = words.pop() if words and not _is_days(words[-1]) else "00:00"
    if len(words) > 1:
        raise ValueError(f"unable to parse calendar event '{text}'")
    try:
        days = _days(words[0]) if words else frozenset(range(7))
        hours, _, minutes = time.rpartition(":")
        return Event(days, _numbers(hours or "*", 23), _numbers(minutes, 59))
    except ValueError:
        raise ValueError(f"unable to parse calendar event '{text}'") from None


def _is_days(word: str) -> bool:
    return word[:3] in DAYS


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("..") if ".." in part else part.partition("-")
        if first[:3] not in DAYS or (last and last[:3] not in DAYS):
            raise ValueError(text)
        start, end = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
        found |= {number % 7 for number in range(start, end + 1 if end >= start else end + 8)}
    return frozenset(found)


def _numbers(text: str, last: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\*|\d+(?:(?:\.\.|-)\d+)?)(?:/(\d+))?", part)
        if not match:
            raise ValueError(text)
        first, _, end = match[1].replace("-", "..").partition("..")
        start = 0 if first == "*" else int(first)
        stop = last if first == "*" or (match[2] and not end) else int(end or first)
        if start > last or stop > last or match[2] == "0":
            raise ValueError(text)
        found |= set(range(start, stop + 1, int(match[2] or 1)))
    return frozenset(found)
