"""Values that are no secrets: placeholders, weak words, and ones that were published."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

_PLACEHOLDER = re.compile(
    r"""__.*__ | <.*> | \[.*\] | \$\{.*\} | \{\{.*\}\} | x{3,} | \*{3,} | \.{3,}
    | (change|replace|fill|insert|set|edit)[-_ ]?(me|this|it)([-_ !].*)? | (to[-_ ]?do|tbd|fixme)([-_: ].*)?
    | placeholder([-_ ].*)? | (your|my|the|some)[-_ ].*([-_ ](here|key|token|password|secret|value))
    | example([-_ ].*)? | dummy([-_ ].*)? | null | nil | none | undefined | unset | n/?a""",
    re.IGNORECASE | re.VERBOSE,
)

_LEET = str.maketrans("@4301$57!", "aaeoisstl")


@cache
def _words() -> frozenset[str]:
    return frozenset((Path(__file__).parent / "weak-words.txt").read_text().split())


def is_placeholder(value: str) -> bool:
    """Whether a value only stands where one is to be put in."""
    return _PLACEHOLDER.fullmatch(value.strip()) is not None


def is_weak_word(value: str) -> bool:
    """Whether a value is a word that everybody tries first, decorated or not ("Redis_Password1!")."""
    plain = re.sub(r"[^a-z]", "", re.sub(r"^[^a-z@$]+|[^a-z@$]+$", "", value.lower()))
    spelt = re.sub(r"[^a-z]", "", value.lower().rstrip("0123456789!?.*#").translate(_LEET))
    return plain in _words() or spelt in _words() or (bool(value) and value.isdigit() and len(value) < 12)


@cache
def _leaked() -> frozenset[str]:
    lines = (Path(__file__).parent / "leaked.sha256").read_text().splitlines()
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def is_leaked(value: str) -> bool:
    """Whether a value is known to have been published; the list holds SHA-256 digests only."""
    return sha256(value.strip().encode()).hexdigest() in _leaked()
