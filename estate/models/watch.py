"""What a host watches by itself, and tells Telegram of (docs/decisions/0025-single-sign-on-and-watching.md)."""

from pydantic import Field

from estate.models.base import Frozen
from estate.models.secret import SecretKind, SecretSpec

TELEGRAM_BOT_TOKEN = SecretSpec(
    name="TELEGRAM_BOT_TOKEN",
    kind=SecretKind.EXTERNAL,
    purpose="bot that sends the alerts",
    pattern=r"[0-9]{6,}:[A-Za-z0-9_-]{30,}",
)
TELEGRAM_CHAT_ID = SecretSpec(
    name="TELEGRAM_CHAT_ID",
    kind=SecretKind.INTEGER,
    purpose="chat that receives the alerts",
    fixed="it is the chat's number; give another one with `estate secrets set`",
)


class WatchSettings(Frozen):
    """Bounds of the watching; what is watched comes from the declarations.

    + telegram_api: where messages go; empty: nowhere, they are only in the journal (the lab)
    + response: seconds that a site may take (seed 002: 2)
    + certificate_days: days before its end from which it is a fault (renewal comes at 30); 0: once it has ended
    + backup_hours: the age from which the newest backup is a fault
    + tunnel_failures: pages in a row that must be lost before the tunnel is started anew
    + tunnel_starts: how often a day at most
    + tunnel_wait: seconds until the second start; each further one waits twice as long
    """

    telegram_api: str = Field(default="https://api.telegram.org", pattern=r"^(https?://[^\s/]+)?$")
    response: float = Field(default=2.0, gt=0)
    certificate_days: int = Field(default=21, ge=0)
    backup_hours: int = Field(default=26, ge=1)
    tunnel_failures: int = Field(default=3, ge=2)
    tunnel_starts: int = Field(default=6, ge=1)
    tunnel_wait: int = Field(default=300, ge=60)
