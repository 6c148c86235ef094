"""The CIS Docker Benchmark's section 5, running containers, in our own words and as our own tests.

5.23 and 5.24 (how `docker exec` was used in the past) need an audit daemon's records and are not evaluated.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lab.audit.cis_daemon import Rule
from lab.audit.engine_facts import Engine

SENSITIVE = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr")
Container = Mapping[str, Any]


def _each(test: Callable[[Container, Mapping[str, Any]], bool]) -> Callable[[Engine], list[str]]:
    """Makes a rule of a test that says whether a container, with its HostConfig, offends."""
    return lambda engine: [name for name, c in engine.containers.items() if test(c, c["HostConfig"])]


def _options(host: Mapping[str, Any]) -> list[str]:
    return [str(option).replace("=", ":") for option in host.get("SecurityOpt") or []]


def _bindings(host: Mapping[str, Any]) -> list[Mapping[str, str]]:
    return [binding for bindings in (host.get("PortBindings") or {}).values() for binding in bindings or []]


def _low_port(_: Container, host: Mapping[str, Any]) -> bool:
    return any(0 < int(binding.get("HostPort") or 0) < 1024 for binding in _bindings(host))


def _any_address(_: Container, host: Mapping[str, Any]) -> bool:
    return any(binding.get("HostIp") in ("", "0.0.0.0", "::", None) for binding in _bindings(host))  # noqa: S104


def _sources(container: Container) -> list[str]:
    return [str(mount.get("Source", "")) for mount in container.get("Mounts") or [] if mount.get("Type") == "bind"]


def _apparmor(engine: Engine) -> list[str]:
    """Where the kernel has AppArmor, every container needs a profile; elsewhere none may ask for none."""
    found = []
    for name, container in engine.containers.items():
        bare = engine.security("apparmor") and container.get("AppArmorProfile") in ("", "unconfined", None)
        if bare or "apparmor:unconfined" in _options(container["HostConfig"]):
            found.append(name)
    return found


def _selinux(engine: Engine) -> list[str]:
    return [] if engine.security("selinux") or engine.security("apparmor") else ["daemon"]


def _sshd(engine: Engine) -> list[str]:
    return [name for name, processes in engine.processes.items() if "sshd" in processes]


def _swarm(engine: Engine) -> list[str]:
    return ["daemon"] if (engine.info.get("Swarm") or {}).get("LocalNodeState", "inactive") != "inactive" else []


def _latest(container: Container, _: Mapping[str, Any]) -> bool:
    image = str(container["Config"]["Image"])
    return "@" not in image and image.rpartition("/")[2].partition(":")[2] in ("", "latest")


def _unhealthy(container: Container, _: Mapping[str, Any]) -> bool:
    return not (container["State"].get("Health") or {}).get("Status")


RULES = (
    Rule("5.1", "no swarm mode", _swarm),
    Rule("5.2", "an AppArmor profile where the kernel has AppArmor", _apparmor),
    Rule("5.3", "a mandatory access control of the kernel", _selinux),
    Rule("5.4", "all capabilities dropped", _each(lambda c, h: (h.get("CapDrop") or []) != ["ALL"])),
    Rule("5.4+", "no capability given back", _each(lambda c, h: bool(h.get("CapAdd")))),
    Rule("5.5", "not privileged", _each(lambda c, h: bool(h.get("Privileged")))),
    Rule("5.6", "no system directory mounted", _each(lambda c, h: bool(set(_sources(c)) & set(SENSITIVE)))),
    Rule("5.7", "no sshd inside", _sshd),
    Rule("5.8", "no privileged port published", _each(_low_port)),
    Rule("5.10", "not on the host's network", _each(lambda c, h: h.get("NetworkMode") == "host")),
    Rule("5.11", "memory is limited", _each(lambda c, h: not h.get("Memory"))),
    Rule("5.12", "CPU is limited", _each(lambda c, h: not (h.get("NanoCpus") or h.get("CpuShares")))),
    Rule("5.13", "root file system is read-only", _each(lambda c, h: not h.get("ReadonlyRootfs"))),
    Rule("5.14", "ports are published on one address", _each(_any_address)),
    Rule(
        "5.15",
        "restarted on failure, five times at most",
        _each(lambda c, h: (h.get("RestartPolicy") or {}).get("Name") != "on-failure"),
    ),
    Rule("5.16", "not in the host's process namespace", _each(lambda c, h: h.get("PidMode") == "host")),
    Rule("5.17", "not in the host's IPC namespace", _each(lambda c, h: h.get("IpcMode") == "host")),
    Rule("5.18", "no device of the host", _each(lambda c, h: bool(h.get("Devices")))),
    Rule("5.19", "no ulimit of its own", _each(lambda c, h: bool(h.get("Ulimits")))),
    Rule(
        "5.20",
        "no mount is propagated to the host",
        _each(lambda c, h: any(m.get("Propagation") in ("shared", "rshared") for m in c.get("Mounts") or [])),
    ),
    Rule("5.21", "not in the host's UTS namespace", _each(lambda c, h: h.get("UTSMode") == "host")),
    Rule("5.22", "system calls are filtered (seccomp)", _each(lambda c, h: "seccomp:unconfined" in _options(h))),
    Rule("5.25", "the default cgroup is used", _each(lambda c, h: bool(h.get("CgroupParent")))),
    Rule(
        "5.26",
        "no new privileges",
        _each(lambda c, h: not {"no-new-privileges", "no-new-privileges:true"} & set(_options(h))),
    ),
    Rule("5.27", "health is checked", _each(_unhealthy)),
    Rule("5.28", "the image's version is pinned", _each(_latest)),
    Rule("5.29", "the number of processes is limited", _each(lambda c, h: (h.get("PidsLimit") or 0) <= 0)),
    Rule("5.30", "not on docker0", _each(lambda c, h: h.get("NetworkMode") in ("bridge", "default"))),
    Rule("5.31", "not in the host's user namespace", _each(lambda c, h: h.get("UsernsMode") == "host")),
    Rule("5.32", "no Docker socket inside", _each(lambda c, h: any("docker.sock" in s for s in _sources(c)))),
)
