"""Ansible at its best: its own environment, pipelining, persistent connections, all hosts at once."""

import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.bench.playbook import Playbook
from lab.docker import Docker
from lab.errors import LabError
from lab.hosts import by_name
from lab.paths import LabPaths
from lab.run import Result, run

REQUIREMENT = "ansible-core>=2.18,<2.20"
_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
_EXECUTED = re.compile(r"^<([^>]+)> SSH: EXEC ", re.MULTILINE)


@dataclass(frozen=True)
class Recap:
    """Ansible's last words on one host."""

    ok: int
    changed: int
    failed: int


def recaps(text: str) -> dict[str, Recap]:
    """The recap of each host; unreachable counts as failed."""
    return {
        host: Recap(int(ok), int(changed), int(unreachable) + int(failed))
        for host, ok, changed, unreachable, failed in _RECAP.findall(text)
    }


def executions(text: str) -> dict[str, int]:
    """Remote commands a host, from a run with -vvv."""
    return dict(Counter(_EXECUTED.findall(text)))


def configuration(ssh_config: Path, folder: Path) -> str:
    """The ansible.cfg of the comparison."""
    ssh = f"-F {ssh_config} -o ControlMaster=auto -o ControlPersist=120s"
    return "\n".join(
        [
            "[defaults]",
            f"inventory = {folder}/inventory.yml",
            f"home = {folder}/home",
            f"local_tmp = {folder}/local",
            "forks = 50",
            "gathering = explicit",
            "interpreter_python = /usr/bin/python3",
            "nocows = true",
            "[ssh_connection]",
            "pipelining = true",
            f"ssh_args = {ssh}",
            f"control_path_dir = {folder}/control",
            "",
        ]
    )


def ensure(paths: LabPaths) -> Path:
    """Install ansible-core into an environment of its own; return its ansible-playbook."""
    program = paths.root / "bench-venv" / "bin" / "ansible-playbook"
    if not program.exists():
        run([sys.executable, "-m", "venv", str(program.parent.parent)])
        run([str(program.parent / "pip"), "install", "--quiet", REQUIREMENT], remedy="check that PyPI can be reached")
    return program


def ensure_python(docker: Docker, names: Iterable[str]) -> None:
    """Install what Ansible needs on the lab's hosts."""
    for name in names:
        host = by_name(name)
        if host is not None and not docker.exec(host.container, "test", "-x", "/usr/bin/python3", check=False).ok:
            install = "apt-get -q update && apt-get -q -y install --no-install-recommends python3"
            docker.exec(host.container, "sh", "-c", install, timeout=600)


@dataclass(frozen=True)
class Ansible:
    """A playbook, written out."""

    program: Path
    folder: Path

    def play(self, prefix: tuple[str, ...], limit: str, *options: str) -> tuple[float, str]:
        """Run the playbook on hosts that it should leave as they are; the seconds and what it printed.

        Raises LabError when it failed or changed something.
        """
        argv = [*prefix, str(self.program), "playbook.yml", "--limit", limit, *options]
        environment = {"ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        started = time.monotonic()
        result = self._in_folder(argv, environment)
        seconds = time.monotonic() - started
        found = recaps(result.stdout)
        if not result.ok or not found or any(recap.failed or recap.changed for recap in found.values()):
            raise LabError(f"the playbook is no no-op:\n{_told(result)}", "deploy the lab, then run the bench again")
        return seconds, result.stdout

    def _in_folder(self, argv: list[str], environment: Mapping[str, str]) -> Result:
        return run(["env", "-C", str(self.folder), *argv], env=environment, check=False, timeout=3600)

    def disconnect(self) -> None:
        """End the persistent connections."""
        for socket in (self.folder / "control").glob("*"):
            run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], check=False)


def _told(result: Result) -> str:
    lines = (result.stdout + result.stderr).splitlines()
    heads = [index for index, line in enumerate(lines) if line.startswith(("changed:", "fatal:", "failed:"))]
    shown = [text for index in heads for text in (lines[index - 1][:300], lines[index][:300])]
    return "\n".join(shown or lines[-8:])


@contextmanager
def written(ssh_config: Path, program: Path, book: Playbook, hosts: list[str]) -> Iterator[Ansible]:
    """The playbook in a private folder, which holds secrets and is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="estate-bench-") as name:  # made with mode 0700
        folder = Path(name)
        for path, content in book.files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (folder / "playbook.yml").write_text(yaml.safe_dump(book.plays, sort_keys=False))
        (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {host: {} for host in hosts}}}))
        (folder / "ansible.cfg").write_text(configuration(ssh_config, folder))
        one = Ansible(program, folder)
        try:
            yield one
        finally:
            one.disconnect()
