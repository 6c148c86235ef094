"""Our evaluation of the CIS Docker Benchmark's daemon and container sections, and the exceptions that we justify.

It is not docker-bench-security, which is a collection of scripts that no package brings.
"""

from collections.abc import Iterable, Mapping, Sequence

from estate.models.host_parts import OpenPort
from estate.models.stack import Stack
from estate.render.firewall import published_ports
from lab.audit import cis_containers, cis_daemon
from lab.audit.cis_daemon import Rule
from lab.audit.engine_facts import Engine
from lab.audit.result import Check, none_of

ANY = "*"
EXCEPTIONS: Mapping[tuple[str, str], str] = {
    (
        "2.1",
        "daemon",
    ): "a rootless daemon keeps no file owned by the services' fixed users; only root reaches its socket",
    ("2.8", "daemon"): "every container has its process limit; a default for open files keeps containers from starting "
    "where the daemon itself has a lower one",
    ("2.9", "daemon"): "would shift the fixed users that own the data directories; services do not run as root instead",
    ("2.12", "daemon"): "only root may use the socket, and root could stop the plugin",
    ("2.13", "daemon"): "log files are bounded, and Alloy ships them to Loki: a driver that sends would block services",
    ("5.3", "daemon"): "the lab's kernel has neither AppArmor nor SELinux; Debian's own has AppArmor, and on",
    ("5.4+", "caddy"): "binds ports 80 and 443 (NET_BIND_SERVICE)",
    ("5.4+", "alloy"): "reads log files of other users (DAC_READ_SEARCH)",
    ("5.4+", "promtail"): "reads log files of other users (DAC_READ_SEARCH)",
    ("5.4+", "cadvisor"): "reads cgroups and images of other users (DAC_READ_SEARCH)",
    ("5.6", "cadvisor"): "measures the host's containers from / and /sys; read-only",
    ("5.6", "node-exporter"): "measures the host from /; read-only",
    ("5.8", "caddy"): "it is the web server",
    ("5.10", "node-exporter"): "measures the host's network interfaces; listens on the stack's gateway only",
    ("5.14", "caddy"): "it is the web server, for every address of the host",
    ("5.15", ANY): "unless-stopped: a service comes back however often it failed; an alert tells of the restarts",
    ("5.16", "node-exporter"): "measures the host's processes",
}
"""Why a rule may be offended, by its number and who offends; ANY: whoever does."""


def reason(number: str, offender: str) -> str:
    """Why this may be; empty when nobody has justified it."""
    return EXCEPTIONS.get((number, offender)) or EXCEPTIONS.get((number, ANY), "")


def rules() -> tuple[Rule, ...]:
    """Every rule of both sections."""
    return (*cis_daemon.RULES, *cis_containers.RULES)


def evaluate(engine: Engine) -> tuple[list[str], list[str]]:
    """What offends without a justification, and what does with one; a line each."""
    open_, justified = [], []
    for rule in rules():
        for offender in rule.offenders(engine):
            why = reason(rule.number, offender)
            line = f"{rule.number} {rule.title}: {offender}"
            if why:
                justified.append(f"{line} ({why})")
            else:
                open_.append(line)
    return open_, justified


def undeclared_ports(engine: Engine, declared: Iterable[OpenPort]) -> list[str]:
    """5.9: ports that containers publish and nobody declared, or declared and not published."""
    wanted = {(port.protocol, str(port.port)) for port in declared}
    live = {
        (inner.partition("/")[2], binding["HostPort"])
        for container in engine.containers.values()
        for inner, bindings in (container["HostConfig"].get("PortBindings") or {}).items()
        for binding in bindings or []
    }
    return [f"5.9 only needed ports: {protocol} {port}" for protocol, port in sorted(wanted ^ live)]


def checks(engine: Engine | None, stack: Stack | None) -> Sequence[Check]:
    """The rows of a host; a host whose engine the estate does not manage has none."""
    if stack is None:
        return ()
    if engine is None:
        return (Check("CIS Docker", "no engine runs", "an engine", False),)
    open_, justified = evaluate(engine)
    open_ += undeclared_ports(engine, published_ports(stack))
    return (
        none_of(f"CIS Docker 2 and 5 ({len(rules()) + 1} rules): not justified", open_),
        Check("CIS Docker 2 and 5: justified exceptions", str(len(justified)), "for information", True),
    )
