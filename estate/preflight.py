"""Preflight: what can be known before the first change on any host, of all hosts, in one report."""

import shlex
import time
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path

import gevent
from pyinfra.api.host import Host as PyinfraHost

from estate.facts.quiet import ReadError, read
from estate.inventory import Estate
from estate.models.base import format_size
from estate.models.faults import Fault
from estate.models.host import Host, MainframeHost
from estate.models.image import Image
from estate.models.stack import Stack

MIN_FREE = 256 * 1024**2
"""Bytes that every host must have free."""
MIN_FREE_TO_PULL = 4 * 1024**3
"""Bytes that a host must have free when it has images to pull."""
MIN_INODES = 5000
TIMEOUT = 180
MAX_SKEW = 60
"""Seconds that a host's clock may be off: beyond that certificates, tokens and leases begin to fail."""
SUPPORTED = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04"), "nixos": ()}
"""Systems by the ID and VERSION_ID of os-release; none named: any version."""


@cache
def _script() -> str:
    return (Path(__file__).parent / "facts" / "preflight.sh").read_text()


def places(image: Image, mirrors: Iterable[str]) -> list[str]:
    """Base URLs at which the host's engine will look for an image, in its order.

    Mirrors serve Docker Hub's names only (docs.docker.com, registry mirror).
    """
    if image.registry == "docker.io":
        return [*(mirror.rstrip("/") for mirror in mirrors), "https://registry-1.docker.io"]
    return [f"https://{image.registry}"]


def image_lines(stack: Stack, mirrors: Iterable[str]) -> str:
    """The script's input: every image with each place to look for it."""
    mirrors = tuple(mirrors)
    lines = []
    for image in sorted({s.image for s in stack.containers if s.image}, key=str):
        version = image.digest or image.tag
        short = str(image).removeprefix("docker.io/library/").removeprefix("docker.io/")
        lines += [f"{image} {short} {base} {image.repository} {version}" for base in places(image, mirrors)]
    return "\n".join(lines)


def _supported(system: str, version: str = "") -> bool:
    return system in SUPPORTED and (not SUPPORTED[system] or version in SUPPORTED[system])


def faults_of(name: str, lines: Iterable[str], now: float) -> list[Fault]:
    """What the script's output says against deploying to the host.

    + now: our clock when the host's was read, in seconds since 1970
    """
    faults: list[Fault] = []
    free: dict[str, int] = {}
    pulls: list[str] = []
    unresolved: dict[str, str] = {}
    for line in lines:
        kind, *fields = line.split("\t")
        if kind == "uid" and fields[0] != "0":
            faults.append(Fault(f"{name}/sudo", f"commands run as uid {fields[0]}", "let the login use sudo"))
        elif kind == "free":
            free[fields[0]] = int(fields[1]) * 1024
        elif kind == "inodes" and fields[1].isdigit() and 0 < int(fields[1]) < MIN_INODES:
            faults.append(Fault(f"{name}{fields[0]}", f"only {fields[1]} inodes free", "remove small files"))
        elif kind == "pull":
            pulls.append(fields[0])
            unresolved.pop(fields[0], None)
        elif kind == "unresolved":
            unresolved[fields[0]] = f"{fields[1]} answers {fields[2]}"
        elif kind == "clock" and abs(int(fields[0]) - now) > MAX_SKEW:
            skew = f"its clock is {abs(int(fields[0]) - now):.0f} s {'ahead' if int(fields[0]) > now else 'behind'}"
            faults.append(Fault(f"{name}/clock", skew, "`timedatectl` there; correct ours if it is ours"))
        elif kind == "system" and not _supported(*fields):
            known = ", ".join(" ".join([system, *versions]) for system, versions in SUPPORTED.items())
            faults.append(Fault(f"{name}/system", f"{' '.join(fields)} is not supported", f"known are {known}"))
        elif kind == "foreign":
            remedy = "stop it there, or declare another port"
            faults.append(
                Fault(f"{name}/port {fields[0]}", f"{fields[1]} listens there, not a service of ours", remedy)
            )
        elif kind == "unwritable":
            remedy = "see `mount` and `dmesg` there: a read-only or full file system"
            faults.append(Fault(f"{name}{fields[0]}", "cannot be written", remedy))
        elif kind == "nocurl":
            faults.append(Fault(f"{name}/curl", "not installed, so images cannot be checked", "apt-get install curl"))
    need = MIN_FREE_TO_PULL if pulls else MIN_FREE
    faults += [
        Fault(f"{name}{path}", f"{format_size(size)} free, {format_size(need)} needed", "make room")
        for path, size in free.items()
        if size < need
    ]
    remedy = "correct the tag, or start the registry that the host uses"
    faults += [Fault(f"{name}/images/{ref}", f"cannot be resolved: {why}", remedy) for ref, why in unresolved.items()]
    return faults


def key_faults(host: Host, key: str) -> list[Fault]:
    """Whether the key we connect with will still be let in after the deploy."""
    public = Path(f"{key}.pub") if key else None
    if public is None or not public.exists():
        return []
    words = public.read_text().split()[:2]
    if any(known.split()[:2] == words for known in host.admin_keys):
        return []
    fault = f"the key you connect with ({public.name}) is not among them: the deploy would lock you out"
    return [Fault(f"group_data/{host.group}/admin_keys", fault, "add its public half")]


def bound_ports(stack: Stack | None) -> list[str]:
    """The ports that the stack's services listen on at the host itself: "443/tcp"."""
    if stack is None:
        return []
    published = {f"{port.host}/{port.protocol}" for s in stack.containers for port in s.published}
    return sorted(published | {f"{s.port}/tcp" for s in stack.containers if s.host_network and s.port})


def unreachable(estate: Estate, names: Collection[str], errors: Mapping[str, str]) -> list[Fault]:
    """Hosts that were asked for and are not connected."""
    faults = []
    for name in sorted(names):
        why = errors.get(name) or "cannot be connected to"
        if "known_hosts" in why or "host key" in why.lower():
            remedy = f"`estate hosts trust {estate.name} {name}` shows its key and asks you"
        elif estate.hosts[name].optional:
            remedy = f"it is optional: `--exclude {name}` leaves it out of this run"
        else:
            remedy = f"bring it back; `--limit` deploys to others, `ssh {estate.ssh[name].hostname}` shows more"
        faults.append(Fault(name, f"unreachable: {why}", remedy))
    return faults


def _ask(estate: Estate, target: PyinfraHost, head: str) -> tuple[list[str], list[Fault]]:
    host, stack = estate.hosts[target.name], estate.stacks.get(target.name)
    mirrors = host.docker.registry_mirrors if isinstance(host, MainframeHost) else ()
    words = {
        "IMAGES": image_lines(stack, mirrors) if stack else "",
        "PROJECT": stack.settings.project if stack else "",
        "PORTS": " ".join(bound_ports(stack)),
    }
    text = "\n".join(f"{name}={shlex.quote(value)}" for name, value in words.items())
    began = time.time()
    try:
        lines = read(target, f"{head}{text}\n{_script()}", timeout=TIMEOUT)
    except ReadError as error:
        fault = f"cannot run a command as root: {error}"
        return [], [Fault(f"{target.name}/sudo", fault, "let the login use sudo -n")]
    # The clock is read at the command's beginning: half of what it took would be wrong by the time of its images
    return lines, [*faults_of(target.name, lines, began), *key_faults(host, estate.ssh[target.name].key)]


def examine(
    estate: Estate, active: Iterable[PyinfraHost], head: str
) -> dict[PyinfraHost, tuple[list[str], list[Fault]]]:
    """Ask all hosts at once: one remote command each.

    + head: shell that comes first, and may end it (the lock)
    """
    greenlets = {target: gevent.spawn(_ask, estate, target, head) for target in active}
    gevent.joinall(greenlets.values(), raise_error=True)
    return {target: greenlet.value for target, greenlet in greenlets.items()}
