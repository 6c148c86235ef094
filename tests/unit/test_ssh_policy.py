"""The sshd policy: what it offers, and that one which the deploy could not negotiate is refused."""

import pytest
from factories import mainframe

from estate.checks import ssh
from estate.render import ssh_policy

CAN = {
    "kexalgorithms": ("curve25519-sha256@libssh.org", "diffie-hellman-group16-sha512"),
    "ciphers": ("aes256-ctr",),
    "macs": ("hmac-sha2-256-etm@openssh.com",),
    "hostkeyalgorithms": ("ssh-ed25519", "rsa-sha2-512"),
    "pubkeyacceptedalgorithms": ("ssh-ed25519", "rsa-sha2-512"),
}


def test_what_is_rendered_can_be_negotiated():
    assert ssh.check({"mainframe": mainframe(), "node": mainframe(name="node", allow_root=True)}) == []


@pytest.mark.parametrize("name", ssh_policy.KEX + ssh_policy.CIPHERS + ssh_policy.MACS + ssh_policy.HOST_KEYS)
def test_nothing_weak_is_offered(name):
    assert not any(part in name for part in ("nistp", "sha1", "cbc", "md5", "arcfour", "umac-64"))


def test_a_post_quantum_only_policy_is_refused(monkeypatch):
    monkeypatch.setattr(ssh_policy, "KEX", ("sntrup761x25519-sha512@openssh.com", "mlkem768x25519-sha256"))
    (fault,) = ssh.check({"mainframe": mainframe()})
    assert fault.path == "mainframe/etc/ssh/sshd_config.d/10-estate.conf/kexalgorithms"
    assert "knows none of" in fault.fault or "can use none of sntrup761x25519-sha512@openssh.com" in fault.fault
    assert "curve25519-sha256@libssh.org" in fault.remedy


@pytest.mark.parametrize(
    ("keyword", "names"),
    [
        ("KexAlgorithms", "sntrup761x25519-sha512@openssh.com"),
        ("Ciphers", "chacha20-poly1305@openssh.com"),
        ("MACs", "umac-128-etm@openssh.com"),
        ("HostKeyAlgorithms", "sk-ssh-ed25519@openssh.com"),
        ("PubkeyAcceptedAlgorithms", "rsa-sha2-512"),
    ],
)
def test_each_kind_of_algorithm_is_compared(keyword, names):
    faults = list(ssh.refused(f"Port 22\n{keyword} {names}\n", CAN, "here"))
    assert [fault.path for fault in faults] == [f"here/{keyword.lower()}"]
    assert names in faults[0].fault


def test_a_keyword_that_is_not_set_passes_and_the_first_one_counts():
    assert list(ssh.refused("Port 22\n", CAN, "here")) == []
    config = "Ciphers aes256-ctr\nCiphers 3des-cbc\n"
    assert ssh.algorithms_of(config) == {"ciphers": ["aes256-ctr"]}
    assert list(ssh.refused(config, CAN, "here")) == []


def test_a_key_on_a_token_comes_by_way_of_the_agent():
    config = "PubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com\n"
    assert list(ssh.refused(config, CAN, "here", ["sk-ssh-ed25519@openssh.com"])) == []
    assert len(list(ssh.refused(config, CAN, "here", ["ssh-ed25519"]))) == 1


def test_paramiko_says_what_it_can():
    can = ssh.negotiable()
    assert set(can) == set(CAN)
    assert "curve25519-sha256@libssh.org" in can["kexalgorithms"]


def test_rsa_logins_are_for_hosts_that_let_root_in():
    key = "PubkeyAcceptedAlgorithms"
    assert "rsa-sha2-512" not in ssh_policy.algorithms(mainframe())[key]
    assert "rsa-sha2-512" in ssh_policy.algorithms(mainframe(allow_root=True))[key]
