"""Headscale's users and pre-auth keys: wanted against what its API lists (facts/apis.md, 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from estate.models.stack_settings import HeadscaleSettings, PreauthKey
from estate.plan.change import Change

RENEW = timedelta(days=7)
"""A key with less than this left counts as used up."""


@dataclass(frozen=True)
class HeadscaleState:
    """What the API lists: user ids by name, usable keys by user, and which keys lie on the host."""

    reachable: bool = False
    users: Mapping[str, str] = field(default_factory=dict)
    keys: Sequence[Mapping[str, Any]] = ()
    kept: frozenset[str] = frozenset()


def usable(key: Mapping[str, Any], wanted: PreauthKey, now: datetime) -> bool:
    """Whether a listed key still serves: same user and kind, not used up, not about to expire."""
    if key.get("user", {}).get("name") != wanted.user or bool(key.get("reusable")) != wanted.reusable:
        return False
    if bool(key.get("ephemeral")) != wanted.ephemeral or (key.get("used") and not wanted.reusable):
        return False
    expires = key.get("expiration")
    if not expires:
        return False
    return datetime.fromisoformat(expires.replace("Z", "+00:00")) > now + RENEW


def missing_users(settings: HeadscaleSettings, state: HeadscaleState) -> list[str]:
    """Users to create."""
    return [name for name in settings.users if name not in state.users]


def missing_keys(settings: HeadscaleSettings, state: HeadscaleState, now: datetime) -> list[PreauthKey]:
    """Keys to create: none that serves is listed, or the host does not have it any more."""
    return [
        wanted
        for wanted in settings.preauth_keys
        if wanted.user not in state.kept or not any(usable(key, wanted, now) for key in state.keys)
    ]


def changes(settings: HeadscaleSettings, state: HeadscaleState, now: datetime) -> list[Change]:
    """The plan."""
    users = [Change("api", f"headscale user {name}", "create") for name in missing_users(settings, state)]
    keys = [
        Change("api", f"headscale pre-auth key of {key.user}", "create", (f"valid for {key.expires} h",))
        for key in missing_keys(settings, state, now)
    ]
    return [*users, *keys]
