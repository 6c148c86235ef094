"""Everything that is measured on a host, several hosts at a time."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from estate.inventory import Estate
from estate.models.desired import Desired
from estate.render.host import tasks_of
from estate.secrets.placeholders import ACCESS, placeholders
from lab.audit import cis, engine_facts, lynis, ports, secret_files, sshaudit
from lab.audit.remote import on_host
from lab.audit.result import Check
from lab.paths import LabPaths

AT_ONCE = 3
"""Hosts; lynis is busy with one core for about 40 s."""


def tasks(estate: Estate, name: str) -> Sequence[Desired]:
    """What the deploy makes of a host, with placeholders for secrets."""
    host, stack = estate.hosts[name], estate.stacks.get(name)
    return tuple(tasks_of(host, stack, placeholders(stack, host), ACCESS).values())


def quick(paths: LabPaths, estate: Estate, name: str) -> list[Check]:
    """What one remote command of a few seconds can tell: Docker, secrets, listening ports."""
    secrets = secret_files.script(secret_files.declared(tasks(estate, name)))
    seen = on_host(paths, name, f"{engine_facts.SCRIPT}{ports.SCRIPT}{secrets}", timeout=300)
    stack = estate.stacks.get(name)
    return [
        *cis.checks(engine_facts.parse(seen), stack),
        secret_files.check(seen.get("secrets", [])),
        ports.check(estate.hosts[name], stack, seen.get("ports", [])),
    ]


def lynis_report(paths: LabPaths, name: str, full: bool = False) -> lynis.Report:
    """Run lynis on a host; `full` counts what is the machine's, too."""
    profile = "# no settings of ours" if full else lynis.PROFILE.read_text()
    return lynis.parse(on_host(paths, name, lynis.script(profile)).get("lynis", []))


def measure(paths: LabPaths, estate: Estate, name: str, full: bool = False) -> list[Check]:
    """All checks of a host. Raises LabError when one of them cannot be made."""
    ssh = estate.ssh[name]
    return [
        *lynis.checks(lynis_report(paths, name, full)),
        *sshaudit.checks(ssh.hostname, ssh.port),
        *quick(paths, estate, name),
    ]


def measure_all(paths: LabPaths, estate: Estate, names: Sequence[str], full: bool = False) -> Mapping[str, list[Check]]:
    """The checks of each host, in the order of the names."""
    sshaudit.program()
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        found = pool.map(lambda name: measure(paths, estate, name, full), names)
        return dict(zip(names, found, strict=True))
