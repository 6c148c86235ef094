"""A service's configuration rendered into a folder, and the tools that judge it."""

import shutil
import subprocess
from pathlib import Path

import backup_settings
import pytest

from estate.models.stack import Stack
from estate.render.templates import render

PROMTOOL = shutil.which("promtool")
AMTOOL = shutil.which("amtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: promtool or prometheus)"
)
SECRETS = {"TELEGRAM_BOT_TOKEN": "123456:lab-token", "TELEGRAM_CHAT_ID": "-1001234567890"}


def write(stack: Stack, service: str, folder: Path) -> Path:
    """The service's rendered configuration in a folder."""
    declared = stack.service(service)
    assert declared.config
    for item in declared.config.files:
        text = render(
            f"{service}/{item.template}",
            host=backup_settings.host(),
            stack=stack,
            service=declared,
            secret=SECRETS.__getitem__,
        )
        path = folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(*command: str | Path | None) -> str:
    """Run a tool; its output is the failure's message."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr
