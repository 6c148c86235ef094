"""Which algorithms sshd offers, best first: what templates/base/sshd.conf.j2 writes and `make audit` asks for.

Every name is known to OpenSSH 8.5 to 10 (Debian 12 and 13, Proxmox VE 8 and 9): sshd refuses a file with a name that it
does not know, and would not start again. That is why mlkem768x25519-sha256 (OpenSSH 9.9) is not here; sntrup761 is
the post-quantum exchange that all of them have. What ssh-audit calls failing is left out (NIST's curves, SHA-1), and
so are MACs that do not cover the ciphertext. estate/checks/ssh.py refuses a policy that paramiko, which the deploy
connects with, cannot negotiate.
"""

from collections.abc import Mapping
from types import MappingProxyType

from estate.models.host import Host

KEX = (
    "sntrup761x25519-sha512@openssh.com",
    # paramiko 4 has no post-quantum exchange: without these three the deploy locks itself out
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
)
CIPHERS = (
    "aes256-gcm@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
MACS = (
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "umac-128-etm@openssh.com",
)
# RSA stays for those who know a host by that key; sshd offers those of its keys that are there
HOST_KEYS = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
ADMIN_KEYS = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com")
"""What `admin_keys` can be (estate/models/host.py)."""
NODE_KEYS = ("rsa-sha2-512", "rsa-sha2-256")
"""What Proxmox's nodes log in to one another with, as root: the appliance makes itself an RSA key."""


def algorithms(host: Host) -> Mapping[str, tuple[str, ...]]:
    """The keywords of sshd_config with the algorithms that the host's sshd offers and accepts."""
    return MappingProxyType(
        {
            "KexAlgorithms": KEX,
            "Ciphers": CIPHERS,
            "MACs": MACS,
            "HostKeyAlgorithms": HOST_KEYS,
            "PubkeyAcceptedAlgorithms": ADMIN_KEYS + (NODE_KEYS if host.allow_root else ()),
        }
    )
