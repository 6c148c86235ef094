"""`python -m lab.picture status|rollout --out FILE.svg`: what a command really shows, as a picture for the docs.

The command runs at a terminal of its own, 120 columns wide; rich draws what it wrote. The picture needs no network: the
reader's own fixed-width font is used.
"""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from lab.paths import REPO

COLUMNS, ROWS = 120, 60
_MARGIN = 14
_CUT = "  […]"
_DARK, _BRIGHT = (
    ("#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4"),
    ("#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc"),
)
_PAPER, _INK = "#1b1f24", "#d0d7de"
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame_width} {frame_height}" width="{frame_width}">
<style>
.{{unique_id}}-matrix {{{{
font: {{char_height}}px/{{line_height}}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace
}}}}
{{styles}}
</style>
<rect width="{frame_width}" height="{frame_height}" rx="8" fill="{paper}"/>
<g transform="translate({margin}, {margin})">
{{backgrounds}}
<g class="{{unique_id}}-matrix" xml:space="preserve">
{{matrix}}
</g>
</g>
</svg>
"""
"""Rich's own format would load fonts from the network."""


class Scene(StrEnum):
    """What can be drawn."""

    STATUS = "status"
    ROLLOUT = "rollout"


def words_of(scene: Scene, inventory: str) -> list[str]:
    """The command line of a scene."""
    return ["estate", "edge", scene.value, inventory, *(["--yes"] if scene is Scene.ROLLOUT else [])]


def record(argv: list[str]) -> tuple[str, int]:
    """What a command writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {
        "COLUMNS": str(COLUMNS),
        "LINES": str(ROWS),
        "TERM": "xterm-256color",
        "PYINFRA_PROGRESS": "off",  # it writes lines over and over, which a picture cannot show
    }
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(argv, cwd=REPO, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        written = bytearray()
        # Not until the terminal is closed: something that the command left behind may hold it open
        ended = False
        while not ended:
            ended = process.poll() is not None
            while select.select([ours], [], [], 0.05)[0] and (block := _read(ours)):
                written += block
    os.close(ours)
    return written.decode(errors="replace"), process.returncode


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux says so (EIO) when the last writer has gone
        return b""


def lines_of(written: str, last: int = 0) -> list[Text]:
    """The lines of a terminal's output, with their colours, without this machine's paths.

    + last: only so many of them; 0: all
    """
    text = written.replace("\r\n", "\n").replace(f"{REPO}/", "").replace(str(REPO), ".").strip("\n")
    lines = [Text.from_ansi(line) for line in text.split("\n")]
    return [Text(_CUT, "dim"), *lines[-last:]] if 0 < last < len(lines) else lines


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _theme() -> TerminalTheme:
    return TerminalTheme(_rgb(_PAPER), _rgb(_INK), [_rgb(c) for c in _DARK], [_rgb(c) for c in _BRIGHT])


def svg(command: str, lines: list[Text]) -> str:
    """The picture: the command at a prompt, and what it wrote."""
    console = Console(width=COLUMNS, record=True, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop", crop=True)
    count = 1 + len(lines)
    # Of rich: 20 high, 0.61 of that wide, 1.22 from line to line
    width, height = round(COLUMNS * 20 * 0.61) + 2 * _MARGIN, round(count * 20 * 1.22) + 2 * _MARGIN
    form = _FORMAT.format(frame_width=width, frame_height=height, margin=_MARGIN, paper=_PAPER)
    return (
        "\n".join(line.rstrip() for line in console.export_svg(title="", theme=_theme(), code_format=form).splitlines())
        + "\n"
    )


def main(
    scene: Scene,
    to: Annotated[Path, typer.Option("--out", help="The file to write.")],
    inventory: Annotated[str, typer.Option(help="An inventory file.")] = "inventories/lab.py",
    last: Annotated[int, typer.Option(min=0, help="Only so many of the last lines; 0: all.")] = 0,
) -> None:
    """Run the command and draw what it showed; ends with the command's own code."""
    words = words_of(scene, inventory)
    written, code = record([str(Path(sys.executable).with_name(words[0])), *words[1:]])
    to.write_text(svg(" ".join(words), lines_of(written, last)))
    typer.echo(f"{to}: `{' '.join(words)}` ended with {code}", err=True)
    raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(main)
