"""Values that are no secrets: placeholders, weak words, and ones that were published."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

# What stands between brackets has to read like words: a random value may begin and end with brackets, too
_WORD = "(?:[a-z]+|[A-Z]+|[A-Z][a-z]+|[0-9]{1,4})"
_INNER = rf"(?-i:{_WORD}(?:[\s_.,:;/|@'-]+{_WORD})*[.?!]?)"
_THING = "key|token|password|passwd|secret|value"
_PLACEHOLDER = re.compile(
    rf"""__\w+__ | <{_INNER}> | \[{_INNER}\] | \$\{{[^{{}}]*\}} | \{{\{{[^{{}}]*\}}\}}
    | [x*.…•_-]{{3,}} | ([a-z]{{2,8}}[-_])+x{{3,}}
    | change ([-_ ]?(me|this|it)([-_ :!.].*|\d{{1,4}}!*)?)? | replace ([-_ ]?(me|this|it)\d*)?([-_ :!.].*)?
    | (fill|set|insert|enter|put|add|paste|provide|edit|get|generate|use)
      [-_ ]?(me|this|it|in|your|a|real|actual|here|{_THING})([-_ !].*)?
    | (to[-_ ]?do|tbd|tba|fixme)([-_: ][a-z _:.-]*)? | placeholder([-_ :].*)?
    | your([-_ ].*)? | your(api)?({_THING})(here)? | (my|the|some)[-_ ](.*[-_ ])?({_THING})
    | [a-z0-9_ -]*[-_ ](goes[-_ ])?here | (example|sample|dummy|fake)([-_ .].*)?
    | null | nil | none | undefined | unset | empty | blank | missing | redacted | hidden | n/?a
    | not[-_ ]?(set|available|configured|yet[-_ ]set)""",
    re.IGNORECASE | re.VERBOSE,
)
# Left over by something that should have filled them in: in a URL, or with a name that no random value has
_UNFILLED = re.compile(
    r"\$\{[A-Z]+_[A-Z0-9_]+(:?[-+?][^{}]*)?\}|\{\{\s*[a-z_][\w.]+\s*\}\}|^[a-z][a-z0-9+.-]*://.*\$\{\w+[^{}]*\}"
)
_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|([%@])[A-Z][A-Z0-9_]*\2")

_LEET = str.maketrans("@4301$57!", "aaeoisstl")
_COMPOUND = re.compile(
    r"[a-z0-9]{0,16}[-_. ]?(password|passwd|passwort)|[a-z0-9]{1,16}[-_. ](pass|pwd|pw|secret|token|key|admin|root)"
    r"|(password|passwd)[-_. ]?[a-z0-9]{0,12}"
)
_ENDS = re.compile(r"^[^a-z@$]+|[^a-z@$]+$")


@cache
def _words() -> frozenset[str]:
    return frozenset((Path(__file__).parent / "weak-words.txt").read_text().split())


def is_placeholder(value: str) -> bool:
    """Whether a value only stands where one is to be put in, or holds a reference that nothing filled in."""
    text = value.strip()
    return any((_PLACEHOLDER.fullmatch(text), _VARIABLE.fullmatch(text), _UNFILLED.search(text)))


def is_weak_word(value: str) -> bool:
    """Whether a value is a word that everybody tries first, decorated or not ("Redis_Password1!").

    Also short numbers and values of one or two different characters.
    """
    text = value.lower()
    if not text:
        return False
    if len(set(text)) < 3 or (text.isdigit() and len(text) < 12):
        return True
    bare = _ENDS.sub("", text)
    spelt = text.rstrip("0123456789!?.*#").translate(_LEET)
    if _COMPOUND.fullmatch(bare) or _COMPOUND.fullmatch(spelt):
        return True
    return any(_is_word(letters, len(text)) for letters in (_letters(bare), _letters(spelt)))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text)


def _is_word(letters: str, length: int) -> bool:
    # The few letters of a random value that is mostly digits and signs may well be a short word
    if not letters or (3 if len(letters) > 3 else 2) * len(letters) < length:
        return False
    once = re.fullmatch(r"(.+?)\1*", letters)
    return letters in _words() or (once is not None and once[1] in _words())


@cache
def _leaked() -> frozenset[str]:
    lines = (Path(__file__).parent / "leaked.sha256").read_text().splitlines()
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def is_leaked(value: str) -> bool:
    """Whether a value is known to have been published; the list holds SHA-256 digests only."""
    # A hexadecimal key is the same key in capitals
    return any(sha256(text.encode()).hexdigest() in _leaked() for text in {value.strip(), value.strip().lower()})
