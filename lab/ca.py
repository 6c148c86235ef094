"""The lab's own certificate authority."""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.errors import LabError
from lab.hosts import REGISTRY, REGISTRY_NAMES
from lab.paths import LabPaths

YEARS = dt.timedelta(days=3652)
REGISTRY_SANS = (*REGISTRY_NAMES, "registry-1.docker.io", REGISTRY, "127.0.0.1")


def ensure(paths: LabPaths) -> str:
    """Make the root certificate and the registry's, unless they are there; say which."""
    made = []
    if not (paths.ca_cert.exists() and paths.ca_key.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(paths.ca_key, _pem_key(key))
        _write(paths.ca_cert, _root(key).public_bytes(serialization.Encoding.PEM))
        paths.registry_cert.unlink(missing_ok=True)
        made.append("root")
    if not (paths.registry_cert.exists() and paths.registry_key.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(paths.registry_key, _pem_key(key))
        _write(paths.registry_cert, _server(paths, key).public_bytes(serialization.Encoding.PEM))
        made.append("registry")
    return f"made: {', '.join(made)}" if made else "already there"


def _builder(common_name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = "Estate lab root"
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, key.public_key())
        .issuer_name(issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _server(paths: LabPaths, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    root = x509.load_pem_x509_certificate(paths.ca_cert.read_bytes())
    root_key = serialization.load_pem_private_key(paths.ca_key.read_bytes(), password=None)
    if not isinstance(root_key, ec.EllipticCurvePrivateKey):
        raise LabError(f"{paths.ca_key} is not an EC key", "run `estate lab down`, then `estate lab up`")
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return (
        _builder(REGISTRY_SANS[0], key.public_key())
        .issuer_name(root.subject)
        .add_extension(x509.SubjectAlternativeName(_names(REGISTRY_SANS)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)
