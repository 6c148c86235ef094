"""The audit finds everything that is wrong with an estate's secrets, at once, and never repeats a value."""

import base64
import json
import random
import secrets as random_secrets
import string
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type
from rich.console import Console

from estate.models.faults import EstateFaults, Fault
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets import known
from estate.secrets.audit import Finding, Severity, audit, gate, table
from estate.secrets.form import MIN_BITS, bits
from estate.secrets.generate import generate, password

NOW = datetime(2026, 5, 8, 12, tzinfo=UTC)
REFUSE, WARN = Severity.REFUSE, Severity.WARN
GOOD = sha256(b"nobody knows this one").hexdigest()[:40]
OTHER = sha256(b"nor this").hexdigest()[:40]
QUICK = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
HASHED = QUICK.hash(GOOD)


def spec(kind=SecretKind.PASSWORD, name="X", **more):
    return SecretSpec(name=name, kind=kind, purpose="x", **more)


def users(name):
    return {"X": ("one", "two"), "Y": ("three",)}.get(name, ())


def check(values, *specs, **more):
    return audit({one.name: one for one in specs or (spec(),)}, users, values, now=NOW, **more)


def texts(found):
    return [(one.secret, one.finding, one.severity) for one in found]


def hashed(**more):
    return PasswordHasher(**({"time_cost": 2, "memory_cost": 19456, "parallelism": 1} | more)).hash(GOOD)


def b64(data):
    return base64.b64encode(data).decode()


PASSWORD, USERNAME, HEX, BASE64, ARGON2, AGE, ED25519, ED25519_PUBLIC, EXTERNAL, INTEGER = SecretKind
ISSUED = {"pattern": r"tvly-[A-Za-z0-9]{16,}"}
HALF = GOOD[:32]

REFUSED = [
    (spec(), None, "missing"),
    (spec(), "", "empty"),
    (spec(), " \t\n", "empty"),
    (spec(INTEGER), "", "empty"),
    (spec(), "__UNSET__", "a placeholder"),
    (spec(), "CHANGE_ME_STRONG_PASSWORD", "a placeholder"),
    (spec(HEX, length=16), "placeholder-x", "a placeholder"),
    (spec(USERNAME), "<user>", "a placeholder"),
    (spec(), "${POSTGRES_PASSWORD}", "a placeholder"),
    (spec(), "postgrespassword", "leaked: this value was published"),
    (spec(EXTERNAL), "infra_password", "leaked: this value was published"),
    (spec(EXTERNAL), "Summer_Password2026!", "weak: a word that everybody tries"),
    (spec(), GOOD[:31], "weak: 31 characters, 32 are needed"),
    (spec(length=24), GOOD[:23], "weak: 23 characters, 24 are needed"),
    (spec(length=64), GOOD[:31], "weak: 31 characters, 32 are needed"),
    (spec(), "aA1!" * 10, "weak: too regular"),
    (spec(), "Tr0ub4dor&3." * 4, "weak: too regular"),
    (spec(length=8), "12345670", "weak: a word that everybody tries"),
    (spec(length=8), "abcd1234", "weak: too regular"),
    (spec(length=16), "abcdabcdabcdabcd", "weak: too regular"),
    (spec(), "abcdefghijklmnopqrstuvwxyz0123456789", "weak: too regular"),
    (spec(), "qwertyuiopasdfghjklzxcvbnm123456", "weak: too regular"),
    (spec(), f" {GOOD}", "malformed: whitespace at an end (Infisical trims it)"),
    (spec(), f"{GOOD}\n", "malformed: whitespace at an end (Infisical trims it)"),
    (spec(), f"{GOOD}\n{GOOD}", "malformed: a line break (.env cannot hold it)"),
    (spec(), f"{GOOD}\0{GOOD}", "malformed: a line break (.env cannot hold it)"),
    (spec(EXTERNAL), f"{GOOD}\r{GOOD}", "malformed: a line break (.env cannot hold it)"),
    (spec(EXTERNAL), GOOD[:7], "weak: 7 characters"),
    (spec(EXTERNAL, **ISSUED), GOOD, "malformed: not what its issuer gives out"),
    (spec(EXTERNAL, **ISSUED), f"tvly-{GOOD}!", "malformed: not what its issuer gives out"),
    (spec(HEX, length=16), HALF[:-1], "malformed: not 32 hexadecimal digits"),
    (spec(HEX, length=16), HALF + "00", "malformed: not 32 hexadecimal digits"),
    (spec(HEX, length=16), HALF[:-1] + "g", "malformed: not 32 hexadecimal digits"),
    (spec(HEX, length=16), "01234567" * 4, "weak: too regular"),
    (spec(BASE64, length=32), b64(GOOD[:31].encode()), "malformed: 31 bytes of base64, 32 are needed"),
    (spec(BASE64, length=32), "!" + b64(GOOD[:32].encode()), "malformed: not base64"),
    (spec(BASE64, length=32), GOOD[:33], "malformed: not base64"),
    (spec(BASE64, length=32), b64(bytes(range(32))), "weak: too regular"),
    (spec(BASE64, length=32), b64(b"correct-" * 4), "weak: too regular"),
    (
        spec(AGE),
        "age16tfuua6zqv8cxrt59gdpt3wrkwucdzap8jgvz2wqckwq7u7w4y4q2jd042",
        "malformed: not an age identity (AGE-SECRET-KEY-1…)",
    ),
    (spec(INTEGER), "12a", "malformed: not a whole number"),
    (spec(INTEGER), "١٢٣", "malformed: not a whole number"),
    (spec(USERNAME), "9lives", "malformed: not a name of letters, digits, dots, dashes and underscores"),
    (spec(USERNAME), "two words", "malformed: not a name of letters, digits, dots, dashes and underscores"),
    (spec(USERNAME), "a" * 64, "malformed: not a name of letters, digits, dots, dashes and underscores"),
]
BROKEN_HASH = "malformed: not an argon2 hash ($argon2id$…); was a $ lost on the way?"
HASHES = [
    (HASHED.replace("$argon2id", ""), BROKEN_HASH),
    (HASHED.replace("$", "$$"), BROKEN_HASH),
    (HASHED[:-3] + "!!!", BROKEN_HASH),
    ("$argon2id$v=19$m=,t=2,p=1$c29tZXNhbHQ$" + b64(b"x" * 32), BROKEN_HASH),
    (GOOD, BROKEN_HASH),
    (hashed(type=Type.I), "malformed: not argon2id"),
    (hashed(type=Type.D), "malformed: not argon2id"),
    (HASHED.rpartition("$")[0] + "$AAAA", "malformed: an argon2 hash that was cut short"),
    (hashed(memory_cost=19 * 1024 - 1), "weak: its argon2 parameters are too low"),
    (hashed(memory_cost=46 * 1024 - 1, time_cost=1), "weak: its argon2 parameters are too low"),
]


@pytest.mark.parametrize(("one", "value", "said"), REFUSED)
def test_what_stops_a_deploy(one, value, said):
    (found,) = check({} if value is None else {"X": value}, one)
    assert (found.finding, found.severity, found.consumers) == (said, REFUSE, ("one", "two"))


@pytest.mark.parametrize(("value", "said"), HASHES)
def test_what_is_wrong_with_a_hash(value, said):
    assert ("X", said, REFUSE) in texts(check({"X": value, "X_PLAIN": GOOD}, spec(ARGON2)))


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (spec(), GOOD),
        (spec(), b64(sha256(b"openssl rand -base64 32").digest())),
        (spec(length=16), "kT9w!Zp4#Lq7vB2x"),
        (spec(length=64), GOOD[:32]),
        (spec(HEX, length=16), HALF),
        (spec(HEX, length=16), HALF.upper()),
        (spec(BASE64, length=32), b64(sha256(b"key").digest())),
        (spec(EXTERNAL), "correct horse battery"),
        (spec(EXTERNAL, **ISSUED), f"tvly-{GOOD}"),
        (spec(EXTERNAL), "a#b'c\"d$e\\f`g"),
        (spec(INTEGER), "-1001"),
        (spec(INTEGER), "123456"),
        (spec(USERNAME), "prodg"),
        (spec(USERNAME), "admin"),
        (spec(USERNAME), "prodg-s3"),
    ],
)
def test_what_is_well(one, value):
    assert check({"X": value}, one) == []


@pytest.mark.parametrize("value", [hashed(), hashed(memory_cost=46 * 1024, time_cost=1)])
def test_hashes_with_sane_parameters_are_well(value):
    assert check({"X": value, "X_PLAIN": GOOD}, spec(ARGON2)) == []


@pytest.mark.parametrize("kind", [PASSWORD, USERNAME, HEX, BASE64, ARGON2])
@pytest.mark.parametrize("length", [12, 16, 24, 32, 40])
def test_whatever_is_generated_passes(kind, length):
    one = spec(kind, length=length)
    for _ in range(1 if kind is ARGON2 else 300):
        assert check(generate(one), one) == []


def test_the_estimate_is_far_from_refusing_a_random_password_or_key():
    rng = random.Random(7)  # noqa: S311 - repeatable, guards nothing
    hexadecimal = ["".join(rng.choice(string.hexdigits[:16]) for _ in range(32)) for _ in range(3000)]
    keys = [rng.randbytes(16).decode("latin-1") for _ in range(3000)]
    assert min(map(bits, hexadecimal)) > MIN_BITS * 1.1
    assert min(bits(password(32)) for _ in range(3000)) > MIN_BITS * 1.3
    assert min(map(bits, keys)) > 3.0 * 16 * 1.25


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("", "a"),
        ("aaaaaaaaaaaaaaaa", "aaaabbbbccccdddd"),
        ("abcdefghijklmnop", "bdjaoclhfkenmpgi"),
        ("kT9wkT9wkT9wkT9w", "kT9wZp4LqR7vB2xN"),
        ("83527164", "8b5k7q6z"),
        ("87654321", "83527164"),
    ],
)
def test_repetitions_runs_and_few_kinds_of_characters_count_for_less(less, more):
    assert bits(less) < bits(more)


def test_a_published_value_is_refused_whatever_its_form(monkeypatch):
    monkeypatch.setattr(known, "_leaked", lambda: frozenset({sha256(HALF.encode()).hexdigest()}))
    assert [one.finding for one in check({"X": HALF}, spec(HEX, length=16))] == ["leaked: this value was published"]


def test_the_same_value_under_two_names_names_the_other_one():
    found = check({"X": GOOD, "Y": GOOD}, spec(), spec(name="Y"))
    assert texts(found) == [("Y", "the same value as X", REFUSE)]
    assert found[0].consumers == ("three",)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (spec(USERNAME), spec(USERNAME, "Y"), []),
        (spec(INTEGER), spec(INTEGER, "Y"), []),
        (spec(USERNAME), spec(EXTERNAL, "Y"), [("Y", "the same value as X", REFUSE)]),
        (spec(EXTERNAL), spec(USERNAME, "Y"), [("X", "the same value as Y", REFUSE)]),
    ],
)
def test_names_may_be_alike_but_no_secret_may_be_its_user(one, other, said):
    value = "1234567890123" if one.kind is INTEGER else "prodg-owner"
    assert texts(check({"X": value, "Y": value}, one, other)) == said


def test_three_alike_are_two_findings_and_placeholders_are_not_twins():
    values = dict.fromkeys(("X", "Y", "Z"), GOOD) | dict.fromkeys(("A", "B"), "__UNSET__")
    found = texts(check(values, *(spec(name=name) for name in values)))
    assert [line for line in found if "same" in line[1]] == [
        ("Y", "the same value as X", REFUSE),
        ("Z", "the same value as X", REFUSE),
    ]


def test_what_nobody_declares_is_reported_and_stops_nothing():
    found = check({"X": GOOD, "OLD": OTHER})
    assert texts(found) == [("OLD", "unused: no service declares it", WARN)]
    gate(found)


def test_an_unused_copy_of_a_secret_is_a_twin_too():
    found = check({"X": GOOD, "ZZZ": GOOD})
    assert ("ZZZ", "the same value as X", REFUSE) in texts(found)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (None, [("X", "the password behind it (X_PLAIN) is not kept", WARN)]),
        ("", [("X", "the password behind it (X_PLAIN) is not kept", WARN)]),
        (OTHER, [("X", "X_PLAIN is not the password behind it", REFUSE)]),
        (GOOD, []),
    ],
)
def test_the_password_behind_a_hash(plain, said):
    values = {"X": HASHED} | ({} if plain is None else {"X_PLAIN": plain})
    assert texts(check(values, spec(ARGON2))) == said


def test_a_good_hash_of_a_bad_password_is_refused():
    plain = "kitten" + "2026!"
    found = check({"X": QUICK.hash(plain), "X_PLAIN": plain}, spec(ARGON2))
    assert texts(found) == [("X_PLAIN", f"weak: {len(plain)} characters, 32 are needed", REFUSE)]
    assert found[0].consumers == ("one", "two")


@pytest.mark.parametrize(
    ("days", "every", "said"),
    [
        (91, 90, [("X", "91 days old, to be rotated every 90", WARN)]),
        (90, 90, []),
        (4000, 0, []),
    ],
)
def test_a_value_that_is_older_than_its_period_is_reported(days, every, said):
    found = check({"X": GOOD}, spec(rotate_days=every), since={"X": NOW - timedelta(days=days)})
    assert texts(found) == said
    gate(found)


def test_a_value_of_unknown_age_is_not_reported():
    assert check({"X": GOOD}, spec(rotate_days=1), since={"Y": NOW - timedelta(days=9)}) == []


def test_everything_is_found_at_once_and_sorted_by_name():
    values = {"C": "admin", "A": "", "OLD": OTHER}
    found = check(values, *(spec(name=name) for name in ("C", "B", "A")))
    assert [one.secret for one in found] == ["A", "B", "C", "OLD"]
    with pytest.raises(EstateFaults) as caught:
        gate(found)
    assert [fault.path for fault in caught.value.faults] == ["secrets/A", "secrets/B", "secrets/C"]


@pytest.mark.parametrize(
    ("one", "value", "remedy"),
    [
        (spec(), None, "`estate secrets init`"),
        (spec(), "short", "`openssl rand -hex 20 | estate secrets set INVENTORY X`"),
        (spec(length=8), "short", "`openssl rand -hex 16 |"),
        (spec(HEX, length=16), "00", "`openssl rand -hex 16 |"),
        (spec(BASE64, length=32), "00", "`openssl rand -base64 32 |"),
        (spec(EXTERNAL), "short", "`estate secrets set INVENTORY X`"),
        (spec(ARGON2), "admin", "X_PLAIN"),
        (spec(HEX, length=16, fixed="it cannot be changed; reset"), "00", "it cannot be changed; reset"),
        (spec(USERNAME, fixed="it is a name"), "9", "`estate secrets set INVENTORY X`"),
    ],
)
def test_the_remedy_puts_a_good_value_in_place(one, value, remedy):
    found = check({} if value is None else {"X": value}, one)
    assert remedy in found[0].remedy


def test_the_remedy_for_what_stops_a_deploy_is_no_rotation_which_would_deploy_first():
    for one, value, _ in REFUSED:
        (found,) = check({} if value is None else {"X": value}, one)
        assert "rotate" not in found.remedy


FINDING = Finding("X", ("one", "two"), "missing", REFUSE, "make it")


def test_a_finding_as_a_fault_and_as_json():
    assert FINDING.fault == Fault("secrets/X", "missing (used by one, two)", "make it")
    assert Finding("X", (), "missing", REFUSE, "").fault == Fault("secrets/X", "missing", "")
    assert json.loads(json.dumps(FINDING.as_dict())) == {
        "secret": "X",
        "consumers": ["one", "two"],
        "finding": "missing",
        "severity": "refuse",
        "remedy": "make it",
    }


def shown(found):
    console = Console(file=StringIO(), width=300)
    console.print(table(found))
    return console.file.getvalue()


def test_the_table_has_a_row_for_every_finding_and_takes_names_as_they_are():
    text = shown([FINDING, Finding("[bold]Y[/x]", ("three",), "unused [a]", WARN, "remove [it]")])
    for word in ("secret", "used by", "finding", "remedy", "X", "one, two", "[bold]Y[/x]", "unused [a]", "remove [it]"):
        assert word in text


def poisoned():
    """A value that is wrong in every way and place, each with a mark that no text may repeat."""
    mark = f"Qz{random_secrets.token_hex(6)}"
    shapes = [
        "{0}",
        " {0}",
        "{0}\n{0}",
        "<{0}>",
        "CHANGE_ME_{0}",
        "${{POST_{0}}}",
        "{0}" * 8,
        "password-{0}",
        "$argon2id${0}",
    ]
    for index, shape in enumerate(shapes):
        for kind in SecretKind:
            yield f"S{index}_{kind.name}", kind, shape.format(mark), mark


def test_no_finding_repeats_a_value_nor_a_part_of_one():
    specs, values, marks = {}, {}, set()
    for name, kind, value, mark in poisoned():
        specs[name] = spec(kind, name, length=16, pattern="never" if "S0" in name else "")
        values |= {name: value, f"{name}_PLAIN": value, f"UNUSED_{name}": value}
        marks.add(mark)
    since = dict.fromkeys(specs, NOW - timedelta(days=999))
    found = audit(specs, users, values, since=since, now=NOW)
    assert len(found) > len(specs)
    with pytest.raises(EstateFaults) as caught:
        gate(found)
    said = [repr(found), str(found), shown(found), str(caught.value), repr(caught.value)]
    said += [text for one in found for text in (str(one), json.dumps(one.as_dict()), str(one.fault), repr(one.fault))]
    parts = {mark[at : at + 6] for mark in marks for at in range(len(mark) - 5)}
    assert [text for text in said if any(part.lower() in text.lower() for part in parts)] == []
