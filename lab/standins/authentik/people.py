"""Accounts, their groups and their devices: argon2 passwords, TOTP by pyotp, WebAuthn by Yubico's server library."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHash, VerificationError
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from lab.standins.rows import Row, Store

USER = "user"
DEVICE = "device"
BUILT_IN_ADMINS = "authentik Admins"
_HASHER = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)


@dataclass(frozen=True)
class Person:
    """An account, as policies see it."""

    pk: int
    username: str
    name: str
    email: str
    groups: tuple[str, ...]
    is_active: bool = True

    @property
    def is_superuser(self) -> bool:
        """Whether Authentik lets the account do everything."""
        return BUILT_IN_ADMINS in self.groups


class People:
    """Everybody."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(
        self, username: str, password: str, email: str = "", name: str = "", groups: tuple[str, ...] = ()
    ) -> Person | None:
        """A new account, or None when the name is taken. Without a password nobody can sign in to it."""
        row = {
            "pk": secrets.randbelow(2**31),
            "username": username,
            "name": name or username,
            "email": email,
            "groups": list(groups),
            "password": _HASHER.hash(password) if password else "",
        }
        return self.find(username) if self.store.add(USER, username, row) else None

    def find(self, identifier: str) -> Person | None:
        """The account of that user name or address."""
        row = self.store.get(USER, identifier) or next(
            (row for row in self.store.every(USER) if row["email"] and row["email"] == identifier), None
        )
        return _person(row) if row else None

    def every(self) -> list[Person]:
        """All accounts."""
        return [_person(row) for row in self.store.every(USER)]

    def set_password(self, username: str, password: str) -> None:
        """Give an account a password."""
        self.store.change(USER, username, lambda row: {**row, "password": _HASHER.hash(password)})

    def set_groups(self, username: str, groups: tuple[str, ...]) -> None:
        """Put an account into exactly these groups."""
        self.store.change(USER, username, lambda row: {**row, "groups": list(groups)})

    def verify(self, username: str, password: str) -> bool:
        """Whether this is the account's password."""
        stored = (self.store.get(USER, username) or {}).get("password", "")
        try:
            return bool(stored) and _HASHER.verify(stored, password)
        except (VerificationError, InvalidHash):
            return False

    def devices(self, username: str, classes: tuple[str, ...]) -> list[Row]:
        """The account's devices of these classes."""
        return [row for row in self.store.every(DEVICE, user=username) if row["class"] in classes]

    def forget_device(self, pk: str) -> bool:
        """Revoke one device."""
        return self.store.delete(DEVICE, pk)


def _person(row: Row) -> Person:
    return Person(row["pk"], row["username"], row["name"], row["email"], tuple(row["groups"]))


class Totp:
    """Codes of an authenticator app: six digits, thirty seconds, each good once."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def uri(self, username: str, secret: str, issuer: str) -> str:
        """What the app scans."""
        return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)

    def enrol(self, username: str, secret: str, code: str, now: float) -> bool:
        """Keep the app's secret when the code proves that the app has it."""
        if not pyotp.TOTP(secret).verify(code, for_time=int(now), valid_window=1):
            return False
        pk = secrets.token_hex(8)
        row = {"pk": pk, "user": username, "class": "totp", "secret": secret, "last": int(now) // 30}
        return self.store.add(DEVICE, pk, row)

    def verify(self, device: Mapping[str, Any], code: str, now: float) -> bool:
        """Whether the code is the device's, and newer than the last that was used."""
        totp = pyotp.TOTP(device["secret"])
        for step in range(int(now) // 30 - 1, int(now) // 30 + 2):
            if step > device["last"] and secrets.compare_digest(totp.at(step * 30), code):
                self.store.change(DEVICE, device["pk"], lambda row, at=step: {**row, "last": at})  # type: ignore[misc]
                return True
        return False


class WebAuthn:
    """Credentials bound to one host name; a signature counts only from `https://HOST` itself."""

    def __init__(self, store: Store, host: str) -> None:
        self.store = store
        self.server = Fido2Server(PublicKeyCredentialRpEntity(name="authentik", id=host))

    def begin_enrolment(self, person: Person, verification: str, resident: str) -> tuple[dict[str, Any], Any]:
        """Options for the browser, and what has to be remembered meanwhile."""
        user = PublicKeyCredentialUserEntity(id=str(person.pk).encode(), name=person.username, display_name=person.name)
        options, state = self.server.register_begin(
            user,
            self._credentials(person.username),
            user_verification=UserVerificationRequirement(verification),
            resident_key_requirement=ResidentKeyRequirement(resident),
        )
        return dict(options)["publicKey"], state

    def enrol(self, person: Person, state: Any, response: Mapping[str, Any]) -> bool:
        """Keep the credential when the browser's answer is right."""
        try:
            data = self.server.register_complete(state, response)
        except (ValueError, KeyError, TypeError):
            return False
        credential = data.credential_data
        if credential is None:
            return False
        pk = websafe_encode(credential.credential_id)
        row = {"pk": pk, "user": person.username, "class": "webauthn", "credential": websafe_encode(credential)}
        return self.store.add(DEVICE, pk, row)

    def begin(self, person: Person, verification: str) -> tuple[dict[str, Any], Any]:
        """A challenge for any of the person's credentials."""
        options, state = self.server.authenticate_begin(
            self._credentials(person.username), user_verification=UserVerificationRequirement(verification)
        )
        return dict(options)["publicKey"], state

    def verify(self, person: Person, state: Any, response: Mapping[str, Any]) -> bool:
        """Whether one of the person's credentials has signed the challenge."""
        try:
            self.server.authenticate_complete(state, self._credentials(person.username), response)
        except (ValueError, KeyError, TypeError):
            return False
        except Exception as fault:  # cryptography's InvalidSignature is no ValueError
            if type(fault).__name__ != "InvalidSignature":
                raise
            return False
        return True

    def _credentials(self, username: str) -> list[AttestedCredentialData]:
        rows = self.store.every(DEVICE, user=username)
        return [AttestedCredentialData(websafe_decode(r["credential"])) for r in rows if r["class"] == "webauthn"]
