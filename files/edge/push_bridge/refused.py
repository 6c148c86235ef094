"""A request that is refused."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the bridge
    """A request that gets `status` and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
