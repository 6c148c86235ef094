"""What pyinfra was asked for on its command line, and what of that is refused."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from estate.models.faults import Fault, did_you_mean


@dataclass(frozen=True)
class Options:
    """The options of a run that decide about its safety."""

    dry: bool = False
    yes: bool = False
    no_wait: bool = False
    limit: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "Options":
        """From the parameters of pyinfra's command."""
        return cls(
            dry=bool(parameters.get("dry")),
            yes=bool(parameters.get("yes")),
            no_wait=bool(parameters.get("no_wait")),
            limit=tuple(parameters.get("limit") or ()),
            exclude=tuple(parameters.get("exclude") or ()),
        )


def _unmatched(option: str, patterns: Iterable[str], hosts: Iterable[str], groups: Iterable[str]) -> list[Fault]:
    hosts, groups = sorted(hosts), sorted(groups)
    faults = []
    for pattern in patterns:
        if pattern in groups or any(fnmatch(host, pattern) for host in hosts):
            continue
        comma = "give the option once for every name" if "," in pattern else did_you_mean(pattern, [*hosts, *groups])
        faults.append(Fault(f"{option} {pattern}", "matches no host", comma))
    return faults


def option_faults(options: Options, hosts: Iterable[str], groups: Iterable[str]) -> list[Fault]:
    """Everything about the command line that would make the run unsafe (facts/pyinfra-traps.md, "Runs")."""
    hosts, groups = list(hosts), list(groups)
    faults = _unmatched("--limit", options.limit, hosts, groups)
    faults += _unmatched("--exclude", options.exclude, hosts, groups)
    if options.no_wait:
        remedy = "leave it out: hosts work in parallel anyway, an operation at a time"
        faults.append(Fault("--no-wait", "pyinfra ends with 0 after a failure and stops nothing", remedy))
    if options.dry and options.yes:
        remedy = "leave -y out: a dry run asks nothing"
        faults.append(Fault("--dry -y", "pyinfra skips looking for changes, so the plan would always be empty", remedy))
    return faults
