"""Encryption by age to every recipient, and signatures of manifests by openssl (ed25519)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, BinaryIO

from estate_backup import proc
from estate_backup.config import Config
from estate_backup.errors import BackupError


def encrypt_command(config: Config) -> list[str]:
    """The command that encrypts its input for every recipient (who are no secret)."""
    return ["age", "--encrypt", *(word for item in config.recipients for word in ("--recipient", item))]


def decrypt_command(config: Config) -> list[str]:
    """The command that opens its input with the host's identity."""
    return ["age", "--decrypt", "--identity", str(config.identity)]


def decrypt(source: Path, target: BinaryIO | Path, config: Config) -> None:
    """Open a file. Raises BackupError when the identity is not a recipient's, or the file was altered."""
    try:
        proc.pipeline([decrypt_command(config)], stdin=source, stdout=target)
    except BackupError as fault:
        raise BackupError(
            source, f"cannot be opened: {fault.fault}", f"{config.identity} must be an identity of its recipients"
        ) from None


def decrypt_text(source: Path, config: Config) -> str:
    """Open a small file of UTF-8, in memory only."""
    with os.fdopen(os.memfd_create("plain"), "w+b") as memory:
        decrypt(source, memory, config)
        memory.seek(0)
        return memory.read().decode()


def encrypt_text(text: str, target: Path, config: Config) -> proc.Flow:
    """Write a text encrypted; its plaintext is never on a disk. Returns size and sha256 of the plaintext."""

    def feed(sink: IO[bytes]) -> None:
        sink.write(text.encode())

    return proc.stream([["cat"]], [([encrypt_command(config)], target)], feed=feed)


def sign(source: Path, target: Path, config: Config) -> None:
    """Write the signature of a file's bytes."""
    argv = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(config.signing_key), "-in", str(source)]
    try:
        proc.output([*argv, "-out", str(target)])
    except BackupError as fault:
        raise BackupError(config.signing_key, f"cannot sign: {fault.fault}", "deploy the backups") from None


def verify(source: Path, signature: Path, config: Config) -> None:
    """Check a signature with the host's public key. Raises BackupError when it is not of this file and key."""
    if not config.public_key.is_file():
        raise BackupError(config.public_key, "is missing; no set can be verified", "deploy the backups")
    argv = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(config.public_key)]
    status, _, said = proc.status_of([*argv, "-in", str(source), "-sigfile", str(signature)])
    if status:
        raise BackupError(
            source,
            f"its signature does not match {config.public_key}" + (f" ({said})" if said else ""),
            "it was altered or another host signed it: use another set",
        )
