"""The tools' own parsers over rendered files: what Compose, Caddy, Prometheus, nft and sshd say of them."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from estate.checks.lint import lint_compose
from estate.checks.nix import TOOLS as NIX_TOOLS
from estate.checks.nix import check_nodes
from estate.inventory import Estate
from estate.models.faults import Fault
from estate.models.stack import Stack
from estate.output import write

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Parser:
    """A tool that can read one kind of rendered file; `find` lists those files of a host."""

    tool: str
    find: Callable[[Path, Stack | None], list[Path]]
    argv: Callable[[Path], list[str]]


def _stack_file(name: str) -> Callable[[Path, Stack | None], list[Path]]:
    def find(root: Path, stack: Stack | None) -> list[Path]:
        path = root / stack.compose_dir.lstrip("/") / name if stack else root / "none"
        return [path] if path.exists() else []

    return find


def _host_file(name: str) -> Callable[[Path, Stack | None], list[Path]]:
    return lambda root, _: [root / name] if (root / name).exists() else []


PARSERS = (
    Parser(
        "docker",
        _stack_file("docker-compose.yml"),
        lambda p: ["docker", "compose", "-f", str(p), "--env-file", str(p.parent / ".env"), "config", "--quiet"],
    ),
    Parser(
        "caddy",
        _stack_file("caddy/Caddyfile"),
        lambda p: ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(p)],
    ),
    Parser(
        "promtool",
        _stack_file("prometheus/prometheus.yml"),
        lambda p: ["promtool", "check", "config", "--syntax-only", str(p)],
    ),
    Parser("promtool", _stack_file("prometheus/rules/estate.yml"), lambda p: ["promtool", "check", "rules", str(p)]),
    Parser(
        "promtool",
        _stack_file("hl-prometheus/prometheus.yml"),
        lambda p: ["promtool", "check", "config", "--syntax-only", str(p)],
    ),
    Parser(
        "promtool", _stack_file("hl-prometheus/rules/homelab.yml"), lambda p: ["promtool", "check", "rules", str(p)]
    ),
    Parser("amtool", _stack_file("alertmanager/alertmanager.yml"), lambda p: ["amtool", "check-config", str(p)]),
    Parser("nft", _host_file("etc/nftables.conf"), lambda p: ["nft", "--check", "--file", str(p)]),
    Parser(
        "sshd",
        _host_file("etc/ssh/sshd_config.d/10-estate.conf"),
        lambda p: ["sshd", "-T", "-f", str(p), "-C", "user=mitch,host=h,addr=192.0.2.1"],
    ),
    Parser("visudo", _host_file("etc/sudoers.d/60-estate"), lambda p: ["visudo", "-cqf", str(p)]),
)


@dataclass
class Report:
    """What each tool read, which tools are missing, and every fault."""

    read: dict[str, int] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def table(self) -> Table:
        """One row a tool."""
        table = Table("tool", "files read", "faults")
        for tool in sorted({parser.tool for parser in PARSERS} | {*NIX_TOOLS} | self.read.keys()):
            count = "not usable here: skipped" if tool in self.missing else str(self.read.get(tool, 0))
            faults = sum(fault.path.startswith(f"{tool} ") for fault in self.faults)
            table.add_row(tool, count, str(faults) if faults else "")
        return table

    def text(self) -> str:
        """Every fault, a line each."""
        return "\n".join(str(fault) for fault in sorted(self.faults))


def _run(parser: Parser, path: Path) -> str:
    """What the tool has against the file; empty when it has nothing."""
    try:
        result = subprocess.run(
            parser.argv(path),
            cwd=path.parent,
            env=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{SEARCH}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "did not finish within 60 s"
    if result.returncode == 0:
        return ""
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return " | ".join(lines[-6:])


def _output(*argv: str) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return result.stdout + result.stderr if result.returncode == 0 else ""


def _installed(tool: str) -> bool:
    """Whether the tool is there and new enough to read our files."""
    if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{SEARCH}") is None:
        return False
    if tool == "docker":
        # The client alone cannot read a compose file; the plugin comes in a package of its own
        return bool(_output("docker", "compose", "version"))
    if tool == "amtool":
        # bot_token_file came with 0.26 (its CHANGELOG); Debian 12 has 0.25
        found = re.search(r"version (\d+)\.(\d+)", _output("amtool", "--version"))
        return found is not None and (int(found[1]), int(found[2])) >= (0, 26)
    if tool == "sshd":
        return Path("/run/sshd").is_dir()
    return True


def parse_all(estate: Estate) -> Report:
    """Render the estate to a temporary directory and let every installed tool read its files."""
    report = Report()
    report.missing = {parser.tool for parser in PARSERS if not _installed(parser.tool)}
    with TemporaryDirectory() as directory:
        build = Path(directory) / "build"
        write(estate, estate.hosts, build)
        for name in estate.hosts:
            stack = estate.stacks.get(name)
            for parser in (p for p in PARSERS if p.tool not in report.missing):
                for path in parser.find(build / name / "root", stack):
                    report.read[parser.tool] = report.read.get(parser.tool, 0) + 1
                    if fault := _run(parser, path):
                        shown = f"{parser.tool} {name}/{path.relative_to(build / name / 'root')}"
                        report.faults.append(Fault(shown, fault.replace(str(build), ""), "see its template"))
            if stack:
                compose = build / name / "root" / stack.compose_dir.lstrip("/") / "docker-compose.yml"
                report.read["compose-lint"] = report.read.get("compose-lint", 0) + 1
                report.faults += lint_compose(compose, stack)
        _read_nix(report, estate, build)
    return report


def _read_nix(report: Report, estate: Estate, build: Path) -> None:
    nodes = {name: build / name / "root" / "etc" / "nixos" for name in estate.hosts}
    found = check_nodes({name: path for name, path in nodes.items() if path.is_dir()})
    report.read |= found.read
    report.missing |= found.missing
    report.faults += found.faults
