"""Preflight: what can be known before the first change on any host, of all hosts, in one report."""

import shlex
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import gevent
from pyinfra.api.host import Host as PyinfraHost

from estate.facts.quiet import ReadError, read
from estate.inventory import Estate
from estate.models.base import format_size
from estate.models.faults import EstateFaults, Fault
from estate.models.host import Host, MainframeHost
from estate.models.image import Image
from estate.models.stack import Stack

MIN_FREE = 256 * 1024**2
"""Bytes that every host must have free."""
MIN_FREE_TO_PULL = 4 * 1024**3
"""Bytes that a host must have free when it has images to pull."""
MIN_INODES = 5000
TIMEOUT = 180


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


def faults_of(name: str, lines: Iterable[str]) -> list[Fault]:
    """What the script's output says against deploying to the host."""
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


def gate(estate: Estate, active: Iterable[PyinfraHost]) -> None:
    """Ask all hosts at once. Raises EstateFaults with every fault of every host."""

    def one(target: PyinfraHost) -> list[Fault]:
        host, stack = estate.hosts[target.name], estate.stacks.get(target.name)
        mirrors = host.docker.registry_mirrors if isinstance(host, MainframeHost) else ()
        images = image_lines(stack, mirrors) if stack else ""
        try:
            lines = read(target, f"IMAGES={shlex.quote(images)}\n{_script()}", timeout=TIMEOUT)
        except ReadError as error:
            return [
                Fault(
                    f"{target.name}/sudo",
                    f"cannot run a command as root: {error}",
                    "let the login use sudo -n",
                )
            ]
        return [*faults_of(target.name, lines), *key_faults(host, estate.ssh[target.name].key)]

    greenlets = [gevent.spawn(one, target) for target in active]
    gevent.joinall(greenlets, raise_error=True)
    faults = [fault for greenlet in greenlets for fault in greenlet.value]
    if faults:
        raise EstateFaults(faults)
