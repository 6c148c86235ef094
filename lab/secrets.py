"""What the lab's secrets need of the outside: a key for the sealed copy, and values that an issuer would give."""

import re
import secrets
import string

from estate.edge.secrets import OFFSITE_ID, OFFSITE_KEY
from estate.secrets.sealed import keygen, write_private
from lab.paths import LabPaths

PLACEHOLDER = "age16tfuua6zqv8cxrt59gdpt3wrkwucdzap8jgvz2wqckwq7u7w4y4q2jd042"
"""Stands for the lab's recipient before the first `estate lab up`, so that rendering works without a lab."""

_ALPHABET = string.ascii_letters + string.digits


def _text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def external_values() -> dict[str, str]:
    """New values in the form of the real ones; no service accepts them."""
    return {
        "B2_KEY_ID": f"00{secrets.token_hex(12)[:23]}",
        "B2_KEY_SECRET": f"K00{_text(28)}",
        "TAVILY_API_KEY": f"tvly-lab-{_text(24)}",
        "TELEGRAM_BOT_TOKEN": f"{1_000_000_000 + secrets.randbelow(10**9)}:{_text(35)}",
        "TELEGRAM_CHAT_ID": "-1001",
        # The lab's own store takes these two
        OFFSITE_ID: f"lab{_text(22).lower()}",
        OFFSITE_KEY: _text(31),
    }


def known(paths: LabPaths) -> dict[str, str]:
    """The values that were made up before, by name."""
    lines = paths.external_secrets.read_text().splitlines() if paths.external_secrets.exists() else []
    return dict(line.split("=", 1) for line in lines)


def ensure(paths: LabPaths) -> str:
    """Make the key and the values that are not there yet."""
    before = known(paths)
    there = paths.age_identity.exists() and set(external_values()) <= set(before)
    keygen(paths.age_identity)
    if not there:
        lines = (f"{name}={value}\n" for name, value in (external_values() | before).items())
        paths.external_secrets.unlink(missing_ok=True)
        write_private(paths.external_secrets, "".join(lines).encode())
    return "already there" if there else "made"


def set_aside(paths: LabPaths) -> None:
    """A new mainframe knows nothing of the Infisical that the sealed copy of the old one has access to."""
    if paths.sealed.exists():
        paths.sealed.rename(paths.sealed.with_suffix(".of-the-last-mainframe.age"))


def recipient(paths: LabPaths) -> str:
    """The public half of the lab's key, or the placeholder while there is none."""
    if not paths.age_identity.exists():
        return PLACEHOLDER
    found = re.search(r"age1[0-9a-z]+", paths.age_identity.read_text())
    return found[0] if found else PLACEHOLDER
