"""The audit: everything that is wrong with an estate's secrets, all at once, and never a value."""

import base64
import binascii
import math
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from rich.table import Table

from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets.generate import plain_name
from estate.secrets.known import is_leaked, is_placeholder, is_weak_word

MIN_PASSWORD = 32
"""Characters (seed 001, 1.3)."""
MIN_EXTERNAL = 8
MIN_BITS = 100
MIN_ARGON2_MEMORY = 19 * 1024
"""KiB (OWASP password storage cheat sheet: 19 MiB with two passes, 46 MiB with one)."""
ONE_PASS_MEMORY = 46 * 1024
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


def bits(value: str) -> float:
    """An upper estimate of a value's entropy: repeats, runs and sequences count for little."""
    if not value:
        return 0
    groups = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    alphabet = sum(len(group) for group in groups if any(c in group for c in value))
    alphabet += 32 if any(c not in "".join(groups) for c in value) else 0
    alphabet = min(alphabet, 2 * len(set(value)))
    steps = [ord(b) - ord(a) for a, b in pairwise(value)]
    fresh = 1 + sum(
        1 for n, step in enumerate(steps) if step not in (0, 1, -1) or (n and step != steps[n - 1] and step)
    )
    return fresh * math.log2(max(alphabet, 1))


def _argon2(value: str) -> str:
    try:
        found = extract_parameters(value)
    except InvalidHashError:
        return "malformed: not an argon2 hash ($argon2id$…); was a $ lost on the way?"
    if found.type.name != "ID":
        return "malformed: not argon2id"
    enough = found.memory_cost >= ONE_PASS_MEMORY or (found.memory_cost >= MIN_ARGON2_MEMORY and found.time_cost >= 2)
    return "" if enough else "weak: its argon2 parameters are too low"


def _password(spec: SecretSpec, value: str) -> str:
    least = min(spec.length, MIN_PASSWORD)
    if len(value) < least:
        return f"weak: {len(value)} characters, {least} are needed"
    return "weak: too regular" if bits(value) < min(MIN_BITS, 4.0 * least) else ""


def _form(spec: SecretSpec, value: str) -> str:
    """What is wrong with a value's form for its kind."""
    match spec.kind:
        case SecretKind.PASSWORD:
            return _password(spec, value)
        case SecretKind.HEX if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * spec.length}}}", value):
            return f"malformed: not {2 * spec.length} hexadecimal digits"
        case SecretKind.BASE64:
            try:
                length = len(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError):
                return "malformed: not base64"
            return "" if length == spec.length else f"malformed: {length} bytes of base64, {spec.length} are needed"
        case SecretKind.ARGON2:
            return _argon2(value)
        case SecretKind.INTEGER if not re.fullmatch(r"-?\d+", value):
            return "malformed: not a whole number"
        case SecretKind.USERNAME if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", value):
            return "malformed: not a name of letters, digits, dots, dashes and underscores"
        case SecretKind.EXTERNAL if len(value) < MIN_EXTERNAL:
            return f"weak: {len(value)} characters"
    return ""


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
    return _form(spec, value)


_REMEDIES = {
    "missing": "`estate secrets init` makes or asks for it",
    "empty": "`estate secrets set {}`",
    "a placeholder": "`estate secrets set {}`",
}


def _remedy(spec: SecretSpec, state: str) -> str:
    if state in _REMEDIES:
        return _REMEDIES[state].format(spec.name)
    return (
        f"`estate secrets rotate {spec.name}`"
        if spec.generated and not spec.fixed
        else f"`estate secrets set {spec.name}`"
    )


def _twins(specs: Mapping[str, SecretSpec], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names whose value another name has too, with that other name."""
    first: dict[str, str] = {}
    for name in sorted(values.keys()):
        kind = specs[name].kind if name in specs else None
        value = values[name]
        if kind in _NAMES or not value.strip() or is_placeholder(value):
            continue
        if value in first:
            yield name, first[value]
        first.setdefault(value, name)


def _matches(hashed: str, plain: str) -> bool:
    try:
        return PasswordHasher().verify(hashed, plain)
    except Argon2Error:
        return False
    except InvalidHashError:
        return True  # the hash itself has a finding already


def _plains(specs: Mapping[str, SecretSpec], values: Mapping[str, str]) -> Iterator[tuple[str, str, Severity]]:
    """What is wrong with the passwords behind hashes."""
    for name, spec in specs.items():
        if spec.kind is not SecretKind.ARGON2 or name not in values:
            continue
        plain = values.get(plain_name(spec))
        if not plain:
            yield name, f"the password behind it ({plain_name(spec)}) is not kept", Severity.WARN
        elif not _matches(values[name], plain):
            yield name, f"{plain_name(spec)} is not the password behind it", Severity.REFUSE


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

    def add(name: str, text: str, severity: Severity, remedy: str) -> None:
        found.append(Finding(name, consumers(name), text, severity, remedy))

    for name, spec in specs.items():
        if state := _state(spec, values.get(name)):
            add(name, state, Severity.REFUSE, _remedy(spec, state))
        age = (now - since[name]).days if since and name in since else 0
        if spec.rotate_days and age > spec.rotate_days:
            text = f"{age} days old, to be rotated every {spec.rotate_days}"
            add(name, text, Severity.WARN, f"`estate secrets rotate {name}`")
    for name, other in _twins(specs, values):
        add(name, f"the same value as {other}", Severity.REFUSE, f"`estate secrets rotate {name}`")
    for name, text, severity in _plains(specs, values):
        add(name, text, severity, f"`estate secrets rotate {name}`")
    known = set(specs) | {plain_name(spec) for spec in specs.values() if spec.kind is SecretKind.ARGON2}
    for name in values.keys() - known:
        add(name, "unused: no service declares it", Severity.WARN, f"declare it, or `estate secrets remove {name}`")
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
        result.add_row(finding.secret, ", ".join(finding.consumers), f"[{style}]{finding.finding}[/]", finding.remedy)
    return result
