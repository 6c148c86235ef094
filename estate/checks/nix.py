"""What Nix says of the nodes' configurations: its parser, nixfmt, and the evaluation of every option's type."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from estate.models.faults import Fault
from estate.render.templates import ROOT

PARSE = "nix-instantiate"
LAYOUT = "nixfmt"
EVALUATE = "nix evaluation"
TOOLS = (PARSE, LAYOUT, EVALUATE)
STAND_IN = ROOT / "lab" / "nixpkgs"
"""The options that we use, as the lab knows them; an option that is not there is an error."""
_TIMEOUT = 300
"""Seconds. The real nixpkgs takes about 20 for a node, the stand-in less than one."""
# Nothing is built and nothing is kept: no store is needed, nor root.
_NO_STORE = ("--store", "dummy://")
_EXPRESSION = """
let
  evaluated = import <nixpkgs/nixos> { };
in
evaluated.summary or {
  inherit (evaluated.config.networking) hostName;
  toplevel = evaluated.config.system.build.toplevel.drvPath;
}
"""
"""The stand-in's summary; of the real nixpkgs the whole system, whose path depends on every option and assertion."""


class NixFault(Exception):  # noqa: N818 - a configuration is wrong, not the program
    """Nix refuses a configuration; the text is what it says."""


@dataclass
class NixReport:
    """What was read, which tools are missing, what is wrong, and what each node's configuration evaluates to."""

    read: dict[str, int] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, tool: str) -> None:
        """Count a file that a tool has read."""
        self.read[tool] = self.read.get(tool, 0) + 1


def nixpkgs_path() -> Path | None:
    """Where <nixpkgs> is: NIXPKGS when it is set, else the lab's stand-in; None when there is neither."""
    if given := os.environ.get("NIXPKGS"):
        return Path(given)
    return STAND_IN if STAND_IN.is_dir() else None


def missing_tools(nixpkgs: Path | None) -> set[str]:
    """Those of TOOLS that cannot be used on this machine."""
    missing = {tool for tool in (PARSE, LAYOUT) if shutil.which(tool) is None}
    return missing | ({EVALUATE} if PARSE in missing or nixpkgs is None else set())


def parse(path: Path) -> None:
    """Raises NixFault when the file is not Nix."""
    _run([PARSE, *_NO_STORE, "--parse", str(path)], path.parent)


def check_layout(path: Path) -> None:
    """Raises NixFault when nixfmt would write the file differently."""
    _run([LAYOUT, "--check", str(path)], path.parent)


def evaluate(directory: Path, nixpkgs: Path) -> dict[str, Any]:
    """The summary of directory/configuration.nix. Raises NixFault: an unknown option, a wrong type, an assertion."""
    argv = [PARSE, *_NO_STORE, "--eval", "--strict", "--json", "--expr", _EXPRESSION]
    argv += ["-I", f"nixpkgs={nixpkgs}", "-I", f"nixos-config={directory / 'configuration.nix'}"]
    found: dict[str, Any] = json.loads(_run(argv, directory))
    return found


def check_nodes(directories: Mapping[str, Path], nixpkgs: Path | None = None) -> NixReport:
    """Let every tool that there is read every node's files.

    + directories: by node, what is its /etc/nixos
    + nixpkgs: None: `nixpkgs_path()`

    A file that several nodes have is parsed once; each node is evaluated.
    """
    nixpkgs = nixpkgs or nixpkgs_path()
    report = NixReport(missing=missing_tools(nixpkgs))
    for tool, judge in ((PARSE, parse), (LAYOUT, check_layout)):
        if tool not in report.missing:
            report.faults += _judge_files(report, tool, judge, directories)
    if EVALUATE not in report.missing and nixpkgs is not None:
        for name, directory in directories.items():
            report.note(EVALUATE)
            try:
                report.summaries[name] = evaluate(directory, nixpkgs)
            except NixFault as fault:
                path = f"{EVALUATE} {name}/etc/nixos/configuration.nix"
                report.faults.append(Fault(path, _shorten(str(fault), directory), "see files/nixos"))
    return report


def _judge_files(
    report: NixReport, tool: str, judge: Callable[[Path], None], directories: Mapping[str, Path]
) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, directory in directories.items():
        for path in sorted(directory.rglob("*.nix")):
            content = sha256(path.read_bytes()).hexdigest()
            if content in seen:
                continue
            seen.add(content)
            report.note(tool)
            try:
                judge(path)
            except NixFault as fault:
                shown = f"{tool} {name}/etc/nixos/{path.relative_to(directory)}"
                yield Fault(shown, _shorten(str(fault), directory), "see files/nixos and templates/nixos")


def _shorten(text: str, directory: Path) -> str:
    lines = [line.strip() for line in text.replace(str(directory), "").splitlines() if line.strip()]
    return " | ".join(line for line in lines[:6] if "--show-trace" not in line)


def _run(argv: Sequence[str], directory: Path) -> str:
    # NIX_PATH of whoever runs this must not decide what <nixpkgs> is
    environment = {key: value for key, value in os.environ.items() if key != "NIX_PATH"}
    try:
        result = subprocess.run(
            argv, cwd=directory, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise NixFault(f"did not finish within {_TIMEOUT} s") from None
    if result.returncode != 0:
        # colours, where Nix writes them although nobody looks
        raise NixFault(re.sub(r"\x1b\[[0-9;]*m", "", result.stderr or result.stdout))
    return result.stdout
