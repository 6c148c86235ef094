"""The sealed copy: only its recipients open it, nothing else writes its values, and no write loses it."""

import os
import shutil
import stat
import subprocess

import pyrage
import pytest
from pydantic import SecretStr

from estate.models.faults import EstateFaults
from estate.secrets import sealed as module
from estate.secrets.sealed import Access, Identity, Issued, Rotation, Sealed, SealedFile, keygen, recipients_of

POISON = "poison-value-0123456789"


def whole():
    sealed = Sealed(estate="test")
    sealed.put({"A": POISON, "B": "with ' \" $ and = signs and ünïcode"})
    issued = Issued(id="1", secret=SecretStr(POISON))
    identity = Identity(id="i", client_id="c", secret=issued, next=issued, retired=issued)
    sealed.access = Access(
        admin_email="a@b.c",
        admin_password=SecretStr(POISON),
        bootstrap_token=SecretStr(POISON),
        operator=identity,
        deploy=identity,
        host=identity,
    )
    sealed.rotation = Rotation(name="A", old={"A": SecretStr(POISON)}, new={"A": SecretStr(POISON)})
    return sealed


@pytest.fixture
def file(tmp_path):
    identity = tmp_path / "keys" / "age.txt"
    return SealedFile(tmp_path / "secrets" / "test.age", identity, [keygen(identity)])


def test_what_was_sealed_is_opened_again(file):
    sealed = whole()
    file.save(sealed)
    assert file.open() == sealed
    assert file.open().values() == {"A": POISON, "B": "with ' \" $ and = signs and ünïcode"}


def test_the_file_is_age_and_private(file):
    file.save(whole())
    text = file.path.read_text()
    assert text.startswith("-----BEGIN AGE ENCRYPTED FILE-----")
    assert "poison" not in text
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.identity.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["test.age"], "nothing is left beside it"


def test_no_other_way_of_writing_it_shows_a_value():
    sealed = whole()
    for text in (str(sealed), repr(sealed), sealed.model_dump_json(), str(sealed.model_dump(mode="json"))):
        assert POISON not in text


def test_every_recipient_opens_it_and_nobody_else(file, tmp_path):
    second = tmp_path / "second.txt"
    both = SealedFile(file.path, file.identity, [*file.recipients, keygen(second)])
    both.save(whole())
    assert SealedFile(file.path, second, ()).open().values()["A"] == POISON
    stranger = tmp_path / "stranger.txt"
    keygen(stranger)
    with pytest.raises(EstateFaults, match=r"cannot be opened with .*stranger\.txt"):
        SealedFile(file.path, stranger, ()).open()


def test_an_ssh_key_opens_it_too(file, tmp_path):
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    one = SealedFile(file.path, key, [key.with_suffix(".pub").read_text()])
    one.save(whole())
    assert one.open().values()["A"] == POISON


@pytest.mark.skipif(not shutil.which("age"), reason="age is not installed")
def test_the_age_program_opens_it_without_us(file):
    file.save(whole())
    result = subprocess.run(["age", "-d", "-i", str(file.identity), str(file.path)], capture_output=True, text=True)
    assert POISON in result.stdout, result.stderr


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.path.unlink(), "no sealed secrets"),
        (lambda f: f.identity.unlink(), "no age identity"),
        (lambda f: f.identity.chmod(0o644), "others can read it"),
        (lambda f: f.identity.write_text("nothing"), "neither an age identity nor an unencrypted ssh-ed25519 key"),
        (lambda f: f.path.write_bytes(f.path.read_bytes()[:200]), "cannot be opened"),
        (lambda f: f.path.write_bytes(pyrage.encrypt(b"{}", recipients_of(f.recipients))), "not what this version"),
    ],
    ids=["no file", "no key", "open key", "no key in it", "cut", "other content"],
)
def test_a_fault_is_named_with_its_remedy_and_no_value(file, spoil, message):
    file.save(whole())
    spoil(file)
    with pytest.raises(EstateFaults) as caught:
        file.open()
    assert message in str(caught.value)
    assert POISON not in str(caught.value)


def test_a_bad_recipient_is_refused_and_the_old_file_stays(file):
    file.save(whole())
    before = file.path.read_bytes()
    with pytest.raises(EstateFaults, match="recipients/1"):
        SealedFile(file.path, file.identity, [*file.recipients, "age1nonsense"]).save(Sealed(estate="test"))
    assert file.path.read_bytes() == before


def test_an_interrupted_write_leaves_the_old_file(file, monkeypatch):
    file.save(whole())
    before = file.path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.save(Sealed(estate="test"))
    assert file.path.read_bytes() == before


def test_a_key_is_never_replaced(tmp_path):
    path = tmp_path / "age.txt"
    assert keygen(path) == keygen(path)


def test_a_value_keeps_its_date_until_it_changes():
    sealed = whole()
    since = sealed.secrets["A"].since
    sealed.put({"A": POISON})
    assert sealed.secrets["A"].since == since
    sealed.put({"A": "another-value-0123"})
    assert sealed.secrets["A"].since > since


def test_the_mode_is_private_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        module.write_private(tmp_path / "x", b"secret")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
