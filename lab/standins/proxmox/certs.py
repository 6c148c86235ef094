"""The cluster's own authority and the nodes' certificates, as pvecm leaves them in /etc/pve."""

import subprocess
import tempfile
from pathlib import Path

_NEW = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes")


def ensure(folder: Path, name: str, address: str) -> None:
    """Make in the shared folder what is missing: the authority, and this node's certificate for its address."""
    root, root_key = folder / "pve-root-ca.pem", folder / "priv/pve-root-ca.key"
    own, own_key = (folder / f"nodes/{name}/pve-ssl{end}" for end in (".pem", ".key"))
    if not root.exists():
        subject = "/CN=Proxmox Virtual Environment/OU=Estate lab stand-in/O=PVE Cluster Manager CA"
        _make([*_NEW, "-days", "3650", "-subj", subject], root_key, root)
    if not own.exists():
        names = f"subjectAltName=DNS:{name},DNS:localhost,IP:{address},IP:127.0.0.1"
        who = ["-subj", f"/OU=PVE Cluster Node/CN={name}", "-addext", names, "-addext", "basicConstraints=CA:FALSE"]
        _make([*_NEW, "-days", "730", *who, "-CA", str(root), "-CAkey", str(root_key)], own_key, own)


def _make(argv: list[str], key: Path, certificate: Path) -> None:
    """Run openssl; the certificate appears last, so that one that is there has its key."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "key.pem", Path(scratch) / "cert.pem"
        subprocess.run([*argv, "-keyout", str(made[0]), "-out", str(made[1])], check=True, capture_output=True)
        for source, target in zip(made, (key, certificate), strict=True):
            partial = target.with_name(f"{target.name}.tmp")
            partial.touch(mode=0o600)
            partial.write_bytes(source.read_bytes())
            partial.replace(target)
