"""Encryption and signatures: only the right key opens a set, and an altered one is not believed."""

import subprocess
from pathlib import Path

import pytest
from backup_host import Host

from estate_backup import crypt, proc
from estate_backup.errors import BackupError


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def test_what_is_encrypted_opens_with_the_identity_of_any_recipient(host, tmp_path):
    crypt.encrypt_text("the rows", tmp_path / "x.age", host.config)
    assert b"the rows" not in (tmp_path / "x.age").read_bytes()
    assert crypt.decrypt_text(tmp_path / "x.age", host.config) == "the rows"


def test_another_identity_opens_nothing_and_is_named(host, tmp_path):
    crypt.encrypt_text("the rows", tmp_path / "x.age", host.config)
    host.config.identity.unlink()
    subprocess.run(["age-keygen", "-o", host.config.identity], check=True, capture_output=True)
    with pytest.raises(BackupError, match=r"x\.age: cannot be opened: .*identity"):
        crypt.decrypt_text(tmp_path / "x.age", host.config)


@pytest.mark.parametrize("place", [60, -1])
def test_an_altered_ciphertext_is_refused(host, tmp_path, place):
    crypt.encrypt_text("the rows" * 100, tmp_path / "x.age", host.config)
    data = bytearray((tmp_path / "x.age").read_bytes())
    data[place] ^= 1
    (tmp_path / "x.age").write_bytes(data)
    with pytest.raises(BackupError, match="cannot be opened"):
        crypt.decrypt(tmp_path / "x.age", tmp_path / "plain", host.config)


def test_a_plaintext_is_never_written_over_another_file(host, tmp_path):
    crypt.encrypt_text("the rows", tmp_path / "x.age", host.config)
    (tmp_path / "plain").write_text("kept")
    with pytest.raises(FileExistsError):
        crypt.decrypt(tmp_path / "x.age", tmp_path / "plain", host.config)
    assert (tmp_path / "plain").read_text() == "kept"


def test_a_signature_holds_for_its_file_only(host, tmp_path):
    manifest, signature = tmp_path / "m", tmp_path / "m.sig"
    manifest.write_text("one")
    crypt.sign(manifest, signature, host.config)
    crypt.verify(manifest, signature, host.config)
    manifest.write_text("two")
    with pytest.raises(BackupError, match="signature does not match"):
        crypt.verify(manifest, signature, host.config)


def test_a_signature_of_another_host_is_refused(host, tmp_path):
    (tmp_path / "m").write_text("one")
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True)
    argv = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", other, "-in", tmp_path / "m", "-out", tmp_path / "s"]
    subprocess.run(argv, check=True)
    with pytest.raises(BackupError, match="another host signed it"):
        crypt.verify(tmp_path / "m", tmp_path / "s", host.config)


def test_without_keys_the_fault_names_the_file(host, tmp_path):
    (tmp_path / "m").write_text("one")
    host.config.signing_key.unlink()
    with pytest.raises(BackupError, match=r"signing\.pem: cannot sign"):
        crypt.sign(tmp_path / "m", tmp_path / "s", host.config)
    host.config.public_key.unlink()
    with pytest.raises(BackupError, match=r"signing\.pub: is missing"):
        crypt.verify(tmp_path / "m", tmp_path / "s", host.config)


def test_no_secret_is_in_an_argument(host):
    secret = host.config.identity.read_text().splitlines()[-1]
    words = [*crypt.encrypt_command(host.config), *crypt.decrypt_command(host.config)]
    assert not any(secret in word for word in words)


# --- pipelines: the status of every stage counts ------------------------------------------------------------------

STAGES = [
    ([["false"], ["cat"]], r"stage 1 \(false\) exited 1"),
    ([["cat"], ["false"]], r"stage 2 \(false\) exited 1"),
    ([["sh", "-c", "echo gone wrong >&2; exit 3"], ["cat"], ["cat"]], r"stage 1 .* exited 3: gone wrong"),
    ([["sh", "-c", "kill -9 $$"], ["cat"]], r"stage 1 .* was killed by signal 9"),
    ([["no-such-program"], ["cat"]], r"no-such-program: cannot be started"),
    ([["yes"], ["false"]], r"stage 2 \(false\) exited 1$"),
]


@pytest.mark.parametrize(("commands", "fault"), STAGES)
def test_a_pipeline_names_the_stage_that_failed(tmp_path, commands, fault):
    with pytest.raises(BackupError, match=fault):
        proc.pipeline(commands, stdout=tmp_path / "out")


@pytest.mark.parametrize(("commands", "fault"), [item for item in STAGES if item[0][0] != ["cat"]])
def test_a_stream_fails_with_its_source(tmp_path, commands, fault):
    with pytest.raises(BackupError, match=fault):
        proc.stream(commands, [([["cat"]], tmp_path / "out")])


def test_a_stream_fails_with_any_of_its_sinks(tmp_path):
    with pytest.raises(BackupError, match=r"stage 1 .*exited 4: no room"):
        proc.stream([["yes"]], [([["cat"]], tmp_path / "a"), ([["sh", "-c", "echo no room >&2; exit 4"]], None)])


def test_a_stream_measures_what_goes_through(tmp_path):
    flow = proc.stream([["cat"]], [([["cat"]], tmp_path / "a")], feed=lambda sink: sink.write(b"x" * 300_000))
    assert flow.size == 300_000
    assert (tmp_path / "a").stat().st_size == 300_000
    assert len(flow.tail) == 4096


def test_what_feeds_a_stream_may_fail(tmp_path):
    def feed(sink):
        sink.write(b"x")
        raise OSError(5, "Input/output error", "/data/file")

    with pytest.raises(BackupError, match="/data/file: Input/output error"):
        proc.stream([["cat"]], [([["cat"]], tmp_path / "a")], feed=feed)


def test_a_command_that_hangs_is_given_up():
    with pytest.raises(BackupError, match=r"did not end within 0\.2 seconds"):
        proc.pipeline([["sleep", "30"]], timeout=0.2)
    with pytest.raises(BackupError, match=r"did not end within 0\.2 seconds"):
        proc.output(["sleep", "30"], timeout=0.2)


def test_open_pipes_of_stages_do_not_leak(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(3):
        proc.stream([["cat"]], [([["cat"]], tmp_path / str(number))], feed=lambda sink: sink.write(b"x"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
