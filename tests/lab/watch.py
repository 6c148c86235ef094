"""Looks at every process and at every secret file, again and again, while something else runs."""

import subprocess
import threading
from pathlib import Path

from estate_copy import REPO

PROCESSES = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"
FILES = (
    "/opt/prodg/compose/.env* /opt/prodg/compose/..env* /opt/prodg/secrets/* /opt/prodg/secrets/*/* "
    "/opt/prodg/secrets/*/.* /opt/prodg/compose/alertmanager/*.yml /tmp/estate-watch-control"
)
LOOP = f"while :; do {PROCESSES}; stat -c 'MODE %a %n' {FILES} 2>/dev/null; sleep 0.01; done"


class Watch(threading.Thread):
    """Notes which of some texts appear in command lines, and which secret files are open to others."""

    def __init__(self, argv: list[str], texts: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.texts = texts
        self.found: set[str] = set()
        self.open: set[str] = set()
        self.rounds = 0
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
        )
        self.start()

    def run(self) -> None:
        assert self.process.stdout is not None
        rest = ""
        for chunk in iter(lambda: self.process.stdout.read(65536), ""):
            text = rest + chunk
            self.found |= {name for name, value in self.texts.items() if value in text}
            lines = text.split("\n")
            for line in lines[:-1]:
                if line.startswith("MODE "):
                    self._mode(*line.split(" ", 2)[1:])
            # A value may lie across two chunks
            rest = lines[-1][-4096:]

    def _mode(self, mode: str, path: str) -> None:
        self.rounds += 1
        if int(mode, 8) & 0o077 and not path.endswith(("/.", "/..")):
            self.open.add(path)

    def stop(self) -> None:
        self.process.terminate()
        self.join(timeout=10)


def on_mainframe(texts: dict[str, str]) -> Watch:
    """Watch the mainframe."""
    config = REPO / ".lab" / "ssh_config"
    return Watch(["ssh", "-F", str(config), "mainframe", "sudo", "-n", "sh", "-c", f'"{_escaped(LOOP)}"'], texts)


def on_controller(texts: dict[str, str]) -> Watch:
    """Watch this machine, which sees the processes of all lab hosts as well."""
    return Watch(["sh", "-c", LOOP], texts)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


HISTORIES = (
    Path.home() / ".bash_history",
    Path.home() / ".local/share/fish/fish_history",
    Path.home() / ".zsh_history",
)
