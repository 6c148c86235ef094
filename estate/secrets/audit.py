"""The audit: everything that is wrong with an estate's secrets, all at once, and never a value."""

import base64
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from rich.table import Table
from rich.text import Text

from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets.form import fault_of_form
from estate.secrets.generate import plain_name, public_name
from estate.secrets.known import is_leaked, is_placeholder, is_weak_word

_NAMES = (SecretKind.USERNAME, SecretKind.INTEGER)
"""Kinds that are names and numbers rather than secrets: they may be short, and the same twice."""


class Severity(StrEnum):
    """Whether a finding stops a deploy."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """What is wrong with a secret, who uses it, and what to do."""

    secret: str
    consumers: tuple[str, ...]
    finding: str
    severity: Severity
    remedy: str

    @property
    def fault(self) -> Fault:
        """The finding as a line of a report."""
        users = f" (used by {', '.join(self.consumers)})" if self.consumers else ""
        return Fault(f"secrets/{self.secret}", f"{self.finding}{users}", self.remedy)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "secret": self.secret,
            "consumers": list(self.consumers),
            "finding": self.finding,
            "severity": self.severity.value,
            "remedy": self.remedy,
        }


def _state(spec: SecretSpec, value: str | None) -> str:
    """The first thing that is wrong with a value; empty when nothing is."""
    if value is None:
        return "missing"
    if not value.strip():
        return "empty"
    if is_placeholder(value):
        return "a placeholder"
    if value != value.strip():
        return "malformed: whitespace at an end (Infisical trims it)"
    if any(char in value for char in "\n\r\0"):
        return "malformed: a line break (.env cannot hold it)"
    if spec.kind not in _NAMES:
        if is_leaked(value):
            return "leaked: this value was published"
        if is_weak_word(value):
            return "weak: a word that everybody tries"
    if spec.pattern and not re.fullmatch(spec.pattern, value):
        return "malformed: not what its issuer gives out"
    return fault_of_form(spec, value)


def _remedy(spec: SecretSpec, state: str) -> str:
    """What puts a good value in place. Not a rotation: that deploys first, which the finding itself refuses."""
    put = f"estate secrets set INVENTORY {spec.name}"
    if state == "missing":
        return "`estate secrets init` makes or asks for it; `estate secrets push` when only Infisical lacks it"
    if spec.fixed and spec.kind not in _NAMES and state not in ("empty", "a placeholder"):
        return spec.fixed
    match spec.kind:
        case SecretKind.PASSWORD:
            return f"`openssl rand -hex {max(16, (spec.length + 1) // 2)} | {put}`"
        case SecretKind.HEX:
            return f"`openssl rand -hex {spec.length} | {put}`"
        case SecretKind.BASE64:
            return f"`openssl rand -base64 {spec.length} | {put}`"
        case SecretKind.AGE:
            return f"`age-keygen 2>/dev/null | grep AGE- | {put}`"
        case SecretKind.ARGON2:
            return f"`{put}`, and the password behind it as {plain_name(spec)}"
    return f"`{put}`"


def _twins(specs: Mapping[str, SecretSpec], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names whose value another name has too, with that other name.

    Names and numbers may be the same twice, but no secret may be the same as one of them.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for name, value in sorted(values.items()):
        if value.strip() and not is_placeholder(value):
            names[value.strip()].append(name)
    for group in names.values():
        secrets = [name for name in group if name not in specs or specs[name].kind not in _NAMES]
        others = [name for name in group if name not in secrets] + secrets[:1]
        yield from ((name, others[0]) for name in secrets if name != others[0])


def _matches(hashed: str, plain: str) -> bool:
    try:
        return PasswordHasher().verify(hashed, plain)
    except Argon2Error:
        return False
    except InvalidHashError:
        return True  # the hash itself has a finding already


def _plains(specs: Mapping[str, SecretSpec], values: Mapping[str, str]) -> Iterator[tuple[str, str, str, Severity]]:
    """What is wrong with the passwords behind hashes: name, finding, remedy, severity."""
    for name, spec in specs.items():
        if spec.kind is not SecretKind.ARGON2 or name not in values:
            continue
        plain = plain_name(spec)
        value = values.get(plain, "")
        if not value.strip():
            yield (
                name,
                f"the password behind it ({plain}) is not kept",
                f"`estate secrets rotate {name}`",
                Severity.WARN,
            )
            continue
        # Whoever guesses it is in, however good the hash
        if state := _state(spec.model_copy(update={"kind": SecretKind.PASSWORD, "pattern": ""}), value):
            yield plain, state, _remedy(spec, state), Severity.REFUSE
        if not _matches(values[name], value):
            text = f"{plain} is not the password behind it"
            yield name, text, f"set {name} and {plain} together", Severity.REFUSE


def _pairs(specs: Mapping[str, SecretSpec], values: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Public halves that are those of another key: name, finding, remedy."""
    for name, spec in specs.items():
        half, whole = values.get(public_name(spec), ""), values.get(name, "")
        if spec.kind is not SecretKind.ED25519 or not half or fault_of_form(spec, whole):
            continue
        if half != base64.b64encode(base64.b64decode(whole)[32:]).decode():
            yield public_name(spec), f"not the public half of {name}", f"set {name} and it together"


def _consumers(
    specs: Mapping[str, SecretSpec], users: Callable[[str], tuple[str, ...]]
) -> Callable[[str], tuple[str, ...]]:
    """The consumers of every name; a password behind a hash has those of the hash."""
    behind = {plain_name(spec): name for name, spec in specs.items() if spec.kind is SecretKind.ARGON2}
    return lambda name: users(behind.get(name, name))


def audit(
    specs: Mapping[str, SecretSpec],
    consumers: Callable[[str], tuple[str, ...]],
    values: Mapping[str, str],
    *,
    since: Mapping[str, datetime] | None = None,
    now: datetime,
) -> list[Finding]:
    """Every finding, sorted by name.

    + specs: what is declared; + values: what the source holds
    + since: from when on each value has been what it is, where that is known
    """
    found: list[Finding] = []
    users = _consumers(specs, consumers)

    def add(name: str, text: str, remedy: str, severity: Severity = Severity.REFUSE) -> None:
        found.append(Finding(name, users(name), text, severity, remedy))

    for name, spec in specs.items():
        if state := _state(spec, values.get(name)):
            add(name, state, _remedy(spec, state))
        age = (now - since[name]).days if since and name in since else 0
        if spec.rotate_days and age > spec.rotate_days:
            text = f"{age} days old, to be rotated every {spec.rotate_days}"
            add(name, text, f"`estate secrets rotate {name}`", Severity.WARN)
    for name, other in _twins(specs, values):
        text = f"the same value as {other}"
        add(name, text, _remedy(specs[name], text) if name in specs else f"`estate secrets remove {name}`")
    for name, text, remedy in _pairs(specs, values):
        add(name, text, remedy)
    for name, text, remedy, severity in _plains(specs, values):
        add(name, text, remedy, severity)
    known = set(specs) | {plain_name(spec) for spec in specs.values() if spec.kind is SecretKind.ARGON2}
    for name in values.keys() - known:
        remedy = f"declare it, or `estate secrets remove {name}`"
        add(name, "unused: no service declares it", remedy, Severity.WARN)
    return sorted(found, key=lambda finding: (finding.secret, finding.severity, finding.finding))


def gate(findings: Iterable[Finding]) -> None:
    """Raise EstateFaults with every finding that stops a deploy."""
    faults = [finding.fault for finding in findings if finding.severity is Severity.REFUSE]
    if faults:
        raise EstateFaults(faults)


def table(findings: Iterable[Finding]) -> Table:
    """The findings for a person."""
    result = Table("secret", "used by", "finding", "remedy")
    for finding in findings:
        style = "red" if finding.severity is Severity.REFUSE else "yellow"
        # Text, not markup: names come from the store
        cells = (finding.secret, ", ".join(finding.consumers), finding.finding, finding.remedy)
        result.add_row(*(Text(cell, style if n == 2 else "") for n, cell in enumerate(cells)))
    return result
