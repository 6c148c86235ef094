"""What a host's answers to the preflight say against deploying to it (pure)."""

from collections.abc import Iterable

from estate.models.base import format_size
from estate.models.faults import Fault

MIN_FREE = 256 * 1024**2
"""Bytes that every host must have free."""
MIN_FREE_TO_PULL = 4 * 1024**3
"""Bytes that a host must have free when it has images to pull."""
MIN_INODES = 5000
MAX_SKEW = 60
"""Seconds that a host's clock may be off: beyond that certificates, tokens and leases begin to fail."""
SUPPORTED = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04"), "nixos": ()}
"""Systems by the ID and VERSION_ID of os-release; none named: any version."""


def _supported(system: str, version: str = "") -> bool:
    return system in SUPPORTED and (not SUPPORTED[system] or version in SUPPORTED[system])


def _fault(name: str, kind: str, fields: list[str], now: float) -> Fault | None:
    """What one line says by itself."""
    match kind:
        case "uid" if fields[0] != "0":
            return Fault(f"{name}/sudo", f"commands run as uid {fields[0]}", "let the login use sudo")
        case "inodes" if fields[1].isdigit() and 0 < int(fields[1]) < MIN_INODES:
            return Fault(f"{name}{fields[0]}", f"only {fields[1]} inodes free", "remove small files")
        case "clock" if abs(int(fields[0]) - now) > MAX_SKEW:
            off = int(fields[0]) - now
            skew = f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
            return Fault(f"{name}/clock", skew, "`timedatectl` there; correct ours if it is ours")
        case "system" if not _supported(*fields):
            known = ", ".join(" ".join([system, *versions]) for system, versions in SUPPORTED.items())
            return Fault(f"{name}/system", f"{' '.join(fields)} is not supported", f"known are {known}")
        case "foreign":
            text = f"{fields[1]} listens there, not a service of ours"
            return Fault(f"{name}/port {fields[0]}", text, "stop it there, or declare another port")
        case "unwritable":
            remedy = "see `mount` and `dmesg` there: a read-only or full file system"
            return Fault(f"{name}{fields[0]}", "cannot be written", remedy)
        case "nocurl":
            return Fault(f"{name}/curl", "not installed, so images cannot be checked", "apt-get install curl")
    return None


def former(name: str, project: str, lines: Iterable[str]) -> str:
    """What every deploy says while containers run of a project whose last service was taken out; else nothing."""
    names = [line.split("\t")[1] for line in lines if line.startswith("former\t")]
    if not names:
        return ""
    stop = f"`docker compose -p {project} down` on {name} stops them, their data stay"
    return f"{name}: no service is declared, but {', '.join(sorted(names))} of project {project} run: {stop}"


def faults_of(name: str, lines: Iterable[str], now: float) -> list[Fault]:
    """What the script's output says against deploying to the host.

    + now: our clock when the host's was read, in seconds since 1970
    """
    faults: list[Fault] = []
    free: dict[str, int] = {}
    pulls: set[str] = set()
    unresolved: dict[str, str] = {}
    for line in lines:
        kind, *fields = line.split("\t")
        if kind == "free":
            free[fields[0]] = int(fields[1]) * 1024
        elif kind == "pull":
            pulls.add(fields[0])
        elif kind == "unresolved":
            unresolved[fields[0]] = f"{fields[1]} answers {fields[2]}"
        elif fault := _fault(name, kind, fields, now):
            faults.append(fault)
    need = MIN_FREE_TO_PULL if pulls else MIN_FREE
    faults += [
        Fault(f"{name}{path}", f"{format_size(size)} free, {format_size(need)} needed", "make room")
        for path, size in free.items()
        if size < need
    ]
    remedy = "correct the tag, or start the registry that the host uses"
    # One place that has it is enough
    return faults + [
        Fault(f"{name}/images/{reference}", f"cannot be resolved: {why}", remedy)
        for reference, why in unresolved.items()
        if reference not in pulls
    ]
