"""Ed25519 keys with their public halves, as RustDesk has them."""

import base64
from datetime import UTC, datetime

import pytest

from estate.cli.secrets.base import _gather
from estate.models.secret import SecretKind
from estate.secrets.audit import audit
from estate.secrets.form import fault_of_form
from estate.secrets.generate import generate
from estate.services.rustdesk_keys import RUSTDESK_KEY, RUSTDESK_KEY_PUB

SPECS = {spec.name: spec for spec in (RUSTDESK_KEY, RUSTDESK_KEY_PUB)}


def findings(values):
    return [f.finding for f in audit(SPECS, lambda name: ("hbbs",), values, now=datetime(2026, 1, 1, tzinfo=UTC))]


def test_a_key_comes_with_its_public_half():
    made = _gather(dict(SPECS), {})
    assert made.keys() == SPECS.keys()
    assert findings(made) == []
    data = base64.b64decode(made["RUSTDESK_KEY"])
    assert len(data) == 64
    assert base64.b64encode(data[32:]).decode() == made["RUSTDESK_KEY_PUB"]


def test_the_public_half_of_another_key_is_refused():
    values = generate(RUSTDESK_KEY) | {"RUSTDESK_KEY_PUB": generate(RUSTDESK_KEY)["RUSTDESK_KEY_PUB"]}
    assert findings(values) == ["not the public half of RUSTDESK_KEY"]


def test_a_public_half_is_never_made_by_itself():
    assert not RUSTDESK_KEY_PUB.generated
    with pytest.raises(ValueError, match="cannot be generated"):
        generate(RUSTDESK_KEY_PUB)


@pytest.mark.parametrize("value", ["", "AAAA", "not base64", base64.b64encode(bytes(64)).decode()])
def test_what_is_no_key_is_malformed(value):
    assert RUSTDESK_KEY.kind is SecretKind.ED25519
    assert fault_of_form(RUSTDESK_KEY, value).startswith("malformed")


@pytest.mark.parametrize("value", ["AAAA", "not base64!"])
def test_what_is_no_public_half_is_malformed(value):
    assert fault_of_form(RUSTDESK_KEY_PUB, value).startswith("malformed")
