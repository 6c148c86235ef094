"""Placeholders, weak words and published values are recognized, and random values never are."""

import base64
import random
import re
import string
from hashlib import sha256
from pathlib import Path

import pytest

from estate.inventory import load
from estate.models.secret import SecretKind, SecretSpec
from estate.secrets import known
from estate.secrets.generate import generate
from estate.secrets.known import is_leaked, is_placeholder, is_weak_word
from estate.secrets.placeholders import ACCESS, placeholders

ROOT = Path(__file__).parents[2]

PLACEHOLDERS = [
    "__UNSET__",
    "__SECRET__",
    "CHANGE_ME",
    "CHANGE_ME_STRONG_PASSWORD",
    "changeme",
    "changeme123",
    "CHANGEME!",
    "change-me-please",
    "change",
    "REPLACE",
    "REPLACE_ME",
    "REPLACE_WITH_REAL_TOKEN",
    "replaceme",
    "REPLACE-THIS",
    "TODO",
    "todo:set",
    "TBD",
    "FIXME",
    "xxx",
    "XXXXXXXX",
    "xxxx-xxxx",
    "sk-xxxxxxxx",
    "sk-proj-xxxxxxxx",
    "****",
    "...",
    "<from_cloudflare_ui>",
    "<token>",
    "<hidden-by-infisical>",
    "[token]",
    "[YOUR_TOKEN]",
    "your-token-here",
    "your_password",
    "yourpassword",
    "YOUR_API_KEY",
    "your-32-character-encryption-key",
    "my-secret-token",
    "insert-token-here",
    "enter_password_here",
    "fill_in",
    "ABC_TOKEN_HERE",
    "put-it-here",
    "${POSTGRES_PASSWORD}",
    "${A:-b}",
    "${db_password}",
    "$POSTGRES_PASSWORD",
    "%TOKEN%",
    "@TOKEN@",
    "postgres://u:${PW}@h/db",
    "{{token}}",
    "redis://:{{password}}@redis",
    "placeholder",
    "placeholder-client-id",
    "PLACEHOLDER_VALUE",
    "example",
    "example-token",
    "example.com",
    "sample",
    "dummy",
    "null",
    "NULL",
    "None",
    "nil",
    "undefined",
    "unset",
    "empty",
    "n/a",
    "not-set",
    "not_configured",
    "redacted",
]


@pytest.mark.parametrize("value", [*PLACEHOLDERS, "{{ secrets.token }}", "<your token>", "  __UNSET__\n", "{{ x }}"])
def test_what_stands_for_a_value_is_a_placeholder(value):
    assert is_placeholder(value)


@pytest.mark.parametrize("inventory", ["lab", "prod"])
def test_every_placeholder_of_the_estates_own_is_one(inventory):
    stacks = load(ROOT / "inventories" / f"{inventory}.py").stacks.values()
    made = {name: value for stack in stacks for name, value in placeholders(stack).items()}
    # Names and numbers have no placeholder: their real value is as good
    given = {name for stack in stacks for name, spec in stack.secrets().items() if spec.default}
    values = [value for name, value in made.items() if name not in given and value != "-1001"]
    assert len(values) > 10
    assert all(map(is_placeholder, [*values, *ACCESS.token.values()]))


WEAK = [
    "postgrespassword",
    "infra_password",
    "redispassword",
    "ghost_password",
    "wordpress_password",
    "minioadmin",
    "admin",
    "password",
    "Password1!",
    "P@ssw0rd",
    "passw0rd!",
    "admin123",
    "adm1n123!",
    "n8n_password",
    "wikijs_password",
    "db_pass",
    "db-password",
    "password123",
    "123password",
    "grafana_admin",
    "password_grafana",
    "123456",
    "1234567890",
    "00000000000000000",
    "aaaaaaaa",
    "abababab",
    "qwerty123",
    "letmein",
    "rootroot",
    "adminadmin",
    "PasswordPassword",
    "secret123",
    "supabase",
    "test1234",
    "iloveyou1",
    "trustno1",
    "abc123",
    "1q2w3e4r",
    "asdfghjkl",
    "1qaz2wsx",
    "infra_password_2024",
    "!admin!",
    "Passwort",
    "mainframe",
]


@pytest.mark.parametrize("value", WEAK)
def test_what_everybody_tries_is_weak_with_or_without_decoration(value):
    assert is_weak_word(value)


def random_values():
    """Values of every generator, and of other people's generators, the same at every run."""
    rng = random.Random(20261121)  # noqa: S311 - repeatable, guards nothing
    alphabets = (string.ascii_letters + string.digits, string.ascii_letters + string.digits + string.punctuation)
    for length in (8, 12, 16, 20, 24, 32, 40, 64):
        for _ in range(1500):
            yield from ("".join(rng.choice(alphabet) for _ in range(length)) for alphabet in alphabets)
            data = rng.randbytes(length)
            yield from (data.hex(), base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode())


def test_random_values_are_neither_placeholders_nor_weak_nor_leaked():
    wrong = [v for v in random_values() if is_placeholder(v) or is_weak_word(v) or is_leaked(v)]
    assert wrong == []


@pytest.mark.parametrize("kind", [k for k in SecretKind if SecretSpec(name="X", kind=k, purpose="x").generated])
def test_what_the_estate_generates_is_nothing_known(kind):
    for value in generate(SecretSpec(name="X", kind=kind, purpose="x", length=32)).values():
        assert not any(says(value) for says in (is_placeholder, is_weak_word, is_leaked))


@pytest.mark.parametrize(
    "value",
    ["", "correct horse battery staple", "8472abc93847", "changeling-otter-4711", "exemplary", "nullify", "-1001"],
)
def test_what_only_looks_alike_is_no_placeholder(value):
    assert not is_placeholder(value)


@pytest.mark.parametrize("value", ["", "correct horse battery staple", "8472abc93847", "administrative-otter-4711"])
def test_what_only_looks_alike_is_not_weak(value):
    assert not is_weak_word(value)


@pytest.mark.parametrize(
    "value",
    ["postgrespassword", "infra_password", "redispassword", "ghost_password", "wordpress_password", " minioadmin\n"],
)
def test_values_published_in_the_users_own_documents_are_leaked(value):
    assert is_leaked(value)


def test_a_published_key_in_capitals_is_the_same_key(monkeypatch):
    key = sha256(b"a key that was published").hexdigest()[:32]
    monkeypatch.setattr(known, "_leaked", lambda: frozenset({sha256(key.encode()).hexdigest()}))
    assert is_leaked(key)
    assert is_leaked(key.upper())
    assert not is_leaked(key[::-1])


def test_the_list_of_leaks_holds_digests_and_where_they_were_published_only():
    lines = (ROOT / "estate/secrets/leaked.sha256").read_text().splitlines()
    assert all(not line or line.startswith("# ") or re.fullmatch(r"[0-9a-f]{64}", line) for line in lines)
    digests = [line for line in lines if line and not line.startswith("#")]
    assert len(digests) == len(set(digests)) >= 25
    assert not any(re.search(r"[A-Za-z0-9+/=_-]{24,}", line) for line in lines if line.startswith("#"))


def test_the_list_of_weak_words_holds_each_as_it_is_compared():
    words = (ROOT / "estate/secrets/weak-words.txt").read_text().split()
    assert words == sorted(set(words))
    assert all(is_weak_word(word) for word in words)
