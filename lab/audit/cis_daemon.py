"""The CIS Docker Benchmark's section 2, the daemon, in our own words and as our own tests.

Numbers are those of version 1.6. Each rule yields what offends against it; "daemon" stands for the daemon itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.audit.engine_facts import Engine


@dataclass(frozen=True)
class Rule:
    """A numbered recommendation and what finds the offenders: containers, or "daemon"."""

    number: str
    title: str
    offenders: Callable[[Engine], list[str]]


def _daemon(test: Callable[[Engine], bool]) -> Callable[[Engine], list[str]]:
    """Makes a rule of a test that says whether the daemon offends."""
    return lambda engine: ["daemon"] if test(engine) else []


def _flag(engine: Engine, key: str) -> Any:
    """A setting of daemon.json, or of the daemon's command line as a word."""
    if key in engine.config:
        return engine.config[key]
    words = engine.command.replace("=", " ").split()
    place = words.index(f"--{key}") if f"--{key}" in words else -1
    return None if place < 0 else (words[place + 1] if place + 1 < len(words) else True)


def _true(value: Any) -> bool:
    return value is True or value == "true"


def _insecure(engine: Engine) -> bool:
    registries: Mapping[str, Any] = engine.info.get("RegistryConfig") or {}
    ranges = set(registries.get("InsecureRegistryCIDRs") or []) - {"127.0.0.0/8", "::1/128"}
    named = [name for name, index in (registries.get("IndexConfigs") or {}).items() if not index.get("Secure", True)]
    return bool(ranges or named or engine.config.get("insecure-registries"))


def _addresses(engine: Engine) -> Iterator[str]:
    yield from engine.config.get("hosts") or []
    words = engine.command.replace("=", " ").split()
    yield from (words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-H", "--host"))


def _bridge_talks(engine: Engine) -> bool:
    """Also once the setting is there: the daemon gives it to a bridge that is in use only at the next boot."""
    options: Mapping[str, str] = engine.bridge.get("Options") or {}
    in_force = options.get("com.docker.network.bridge.enable_icc", "true") == "false"
    in_use = any(c["HostConfig"].get("NetworkMode") in ("bridge", "default") for c in engine.containers.values())
    return _flag(engine, "icc") not in (False, "false") or (in_use and not in_force)


RULES = (
    Rule("2.1", "the daemon does not run as root", _daemon(lambda e: not e.security("rootless"))),
    Rule("2.2", "containers on the default bridge cannot talk to each other", _daemon(_bridge_talks)),
    Rule("2.3", "the log level is info", _daemon(lambda e: _flag(e, "log-level") not in (None, "info"))),
    Rule("2.4", "the daemon may write iptables rules", _daemon(lambda e: _flag(e, "iptables") in (False, "false"))),
    Rule("2.5", "no registry without TLS", _daemon(_insecure)),
    Rule("2.6", "storage driver is not aufs", _daemon(lambda e: e.info.get("Driver") == "aufs")),
    Rule("2.7", "no TCP socket without TLS", _daemon(lambda e: any(a.startswith("tcp") for a in _addresses(e)))),
    Rule("2.8", "a default ulimit is set", _daemon(lambda e: not e.config.get("default-ulimits"))),
    Rule("2.9", "user namespaces are on", _daemon(lambda e: not e.security("userns"))),
    Rule("2.10", "the default cgroup is used", _daemon(lambda e: bool(_flag(e, "cgroup-parent")))),
    Rule("2.11", "the base device size is the default", _daemon(lambda e: "basesize" in str(e.config))),
    Rule(
        "2.12",
        "an authorization plugin decides about clients",
        _daemon(lambda e: not ((e.info.get("Plugins") or {}).get("Authorization"))),
    ),
    Rule(
        "2.13",
        "logs go to a central place",
        _daemon(lambda e: e.info.get("LoggingDriver") in ("json-file", "local", "none")),
    ),
    Rule("2.14", "no new privileges", _daemon(lambda e: not _true(_flag(e, "no-new-privileges")))),
    Rule("2.15", "containers outlive the daemon", _daemon(lambda e: not e.info.get("LiveRestoreEnabled"))),
    Rule("2.16", "no userland proxy", _daemon(lambda e: _flag(e, "userland-proxy") not in (False, "false"))),
    Rule("2.17", "the daemon filters system calls (seccomp)", _daemon(lambda e: not e.security("seccomp"))),
    Rule("2.18", "no experimental features", _daemon(lambda e: bool(e.info.get("ExperimentalBuild")))),
)
