"""Whether a value has the form of its kind, and how hard it is to guess. No text ever repeats a value."""

import base64
import binascii
import math
import re
import string
from itertools import pairwise

import pyrage
from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from estate.models.secret import SecretKind, SecretSpec

MIN_PASSWORD = 32
"""Characters (seed 001, 1.3)."""
MIN_EXTERNAL = 8
MIN_BITS = 100
"""Of a password of MIN_PASSWORD characters; of a shorter one, half of its share."""
MIN_ARGON2_MEMORY = 19 * 1024
"""KiB (OWASP password storage cheat sheet: 19 MiB with two passes, 46 MiB with one)."""
ONE_PASS_MEMORY = 46 * 1024
_MIN_SALT, _MIN_HASH = 8, 16
"""Bytes (RFC 9106, 3.1, and argon2's own least salt)."""
_REGULAR_FROM = 16
"""Bytes of a key; of a shorter one no estimate is worth anything."""

_GROUPS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_ROWS = tuple(row[::step] for row in ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm") for step in (1, -1))
_REPEAT, _SEQUENCE = 4, 3
"""Characters from which a repetition of what came before, or a sequence, counts as one."""


def bits(value: str) -> float:
    """An upper estimate of a value's entropy: what repeats, or runs up, down or along a row of keys, counts once."""
    if not value:
        return 0
    alphabet = sum(len(group) for group in _GROUPS if any(c in group for c in value))
    alphabet += 32 if any(c not in "".join(_GROUPS) for c in value) else 0
    return _parts(value.lower()) * math.log2(max(min(alphabet, 2 * len(set(value))), 1))


def _parts(text: str) -> int:
    """Of how many parts a text consists: characters, repetitions and sequences."""
    count = at = 0
    while at < len(text):
        at += max(1, _repeated(text, at), _in_sequence(text, at))
        count += 1
    return count


def _repeated(text: str, at: int) -> int:
    size = _REPEAT if len(set(text[at : at + 3])) > 1 else 3
    best = 0
    # It may overlap itself: "aaaa" is an "a" and a repetition
    while at + size <= len(text) and text.find(text[at : at + size], 0, at + size - 1) != -1:
        best, size = size, size + 1
    return best


def _in_sequence(text: str, at: int) -> int:
    best, size = 0, _SEQUENCE
    while at + size <= len(text) and _is_sequence(text[at : at + size]):
        best, size = size, size + 1
    return best


def _is_sequence(text: str) -> bool:
    steps = {ord(right) - ord(left) for left, right in pairwise(text)}
    return steps in ({1}, {-1}) or any(text in row for row in _ROWS)


def _argon2(value: str) -> str:
    try:
        found = extract_parameters(value)
        salt, digest = (
            base64.b64decode(part + "=" * (-len(part) % 4), validate=True) for part in value.split("$")[-2:]
        )
    except (InvalidHashError, ValueError):
        return "malformed: not an argon2 hash ($argon2id$…); was a $ lost on the way?"
    if found.type.name != "ID":
        return "malformed: not argon2id"
    if len(salt) < _MIN_SALT or len(digest) < _MIN_HASH:
        return "malformed: an argon2 hash that was cut short"
    enough = found.memory_cost >= ONE_PASS_MEMORY or (found.memory_cost >= MIN_ARGON2_MEMORY and found.time_cost >= 2)
    return "" if enough and found.time_cost >= 1 else "weak: its argon2 parameters are too low"


def _password(spec: SecretSpec, value: str) -> str:
    least = min(spec.length, MIN_PASSWORD)
    if len(value) < least:
        return f"weak: {len(value)} characters, {least} are needed"
    # A short random password repeats itself by chance more than a long one does
    enough = MIN_BITS * least / MIN_PASSWORD / (1 if least == MIN_PASSWORD else 2)
    return "weak: too regular" if bits(value) < enough else ""


def _key(spec: SecretSpec, text: str, data: bytes) -> str:
    if spec.length < _REGULAR_FROM:
        return ""
    # The bytes may be regular though their text is not. Random ones never come near 3 bits each by this estimate
    guessed = min(bits(text), bits(data.decode("latin-1")))
    return "weak: too regular" if guessed < 3.0 * spec.length else ""


def _base64(spec: SecretSpec, value: str) -> str:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return "malformed: not base64"
    if len(data) != spec.length:
        return f"malformed: {len(data)} bytes of base64, {spec.length} are needed"
    return _key(spec, value, data)


def _age(value: str) -> str:
    try:
        pyrage.x25519.Identity.from_str(value)
    except (pyrage.IdentityError, ValueError):
        return "malformed: not an age identity (AGE-SECRET-KEY-1…)"
    return ""


def _ed25519(value: str) -> str:
    try:
        data = base64.b64decode(value, validate=True)
        public = Ed25519PrivateKey.from_private_bytes(data[:32]).public_key().public_bytes_raw()
    except (binascii.Error, ValueError):
        return "malformed: not base64 of an ed25519 key"
    return "" if data[32:] == public else "malformed: not 64 bytes, a seed and its public half"


def _ed25519_public(value: str) -> str:
    try:
        return "" if len(base64.b64decode(value, validate=True)) == 32 else "malformed: not 32 bytes of base64"
    except (binascii.Error, ValueError):
        return "malformed: not base64"


def fault_of_form(spec: SecretSpec, value: str) -> str:
    """What is wrong with a value for its kind; empty when nothing is."""
    match spec.kind:
        case SecretKind.PASSWORD:
            return _password(spec, value)
        case SecretKind.HEX:
            if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * spec.length}}}", value):
                return f"malformed: not {2 * spec.length} hexadecimal digits"
            return _key(spec, value, bytes.fromhex(value))
        case SecretKind.BASE64:
            return _base64(spec, value)
        case SecretKind.ARGON2:
            return _argon2(value)
        case SecretKind.AGE:
            return _age(value)
        case SecretKind.ED25519:
            return _ed25519(value)
        case SecretKind.ED25519_PUBLIC:
            return _ed25519_public(value)
        case SecretKind.INTEGER if not re.fullmatch(r"-?[0-9]+", value):
            return "malformed: not a whole number"
        case SecretKind.USERNAME if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,62}", value):
            return "malformed: not a name of letters, digits, dots, dashes and underscores"
        case SecretKind.EXTERNAL if len(value) < MIN_EXTERNAL:
            return f"weak: {len(value)} characters"
    return ""
