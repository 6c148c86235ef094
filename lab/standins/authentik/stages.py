"""The stages: what each asks, and whether an answer passes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyotp

from lab.standins.authentik.events import Events
from lab.standins.authentik.people import People, Person, Totp, WebAuthn
from lab.standins.rows import Row

_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
NO_DEVICE = "No device of the kind that is wanted here is enrolled."


@dataclass(frozen=True)
class Tools:
    """What stages work with."""

    people: People
    totp: Totp
    webauthn: WebAuthn
    events: Events
    client_ip: str
    now: Callable[[], float]


class Passed:
    """The stage is done."""


@dataclass(frozen=True)
class Denied:
    """The flow ends here."""

    why: str


Asked = dict[str, Any] | Passed | Denied
Judged = Passed | Denied | str | None
"""An answer's fate: passed, denied, wrong (why), or None: something else is asked now."""


def seconds(text: str) -> int:
    """Authentik's durations: "hours=8;minutes=30"."""
    total = 0
    for part in filter(None, text.split(";")):
        match = re.fullmatch(r"(\w+)=(\d+)", part)
        if match is None or match[1] not in _UNITS:
            raise ValueError(f"{text} is not a duration")
        total += _UNITS[match[1]] * int(match[2])
    return total


@dataclass
class Stage:
    """One stage of a flow that is under way: its object, the session, who it is about."""

    tools: Tools
    session: Row
    row: Row
    person: Person | None

    def challenge(self) -> Asked:
        """What to ask."""
        raise NotImplementedError

    def answer(self, data: dict[str, Any]) -> Judged:
        """Judge an answer."""
        raise NotImplementedError

    def shown(self, factor: str) -> Passed:
        """Note that a second factor was shown now."""
        self.session["factors"] = {**self.session.get("factors", {}), factor: self.tools.now()}
        self.session["methods"] = sorted({*self.session.get("methods", []), "mfa"})
        return Passed()

    def failed(self, why: str) -> str:
        """Note a failed attempt in the audit log."""
        who = self.session.get("pending") or self.session.get("user") or ""
        self.tools.events.add("login_failed", who, self.tools.client_ip, stage=self.row["name"], username=who)
        return why


class Identification(Stage):
    """Who is it."""

    def challenge(self) -> Asked:
        """Ask for a name or an address."""
        return {"component": "ak-stage-identification", "user_fields": list(self.row["user_fields"])}

    def answer(self, data: dict[str, Any]) -> Judged:
        """An unknown name goes on too: nobody learns here who has an account."""
        given = str(data.get("uid_field", ""))
        found = self.tools.people.find(given)
        # What another login has shown in this session proves nothing of this one
        self.session |= {"pending": found.username if found else given, "factors": {}, "methods": []}
        return Passed()


class Password(Stage):
    """The password; after some wrong ones the flow ends."""

    def challenge(self) -> Asked:
        """Ask for it."""
        return {"component": "ak-stage-password"}

    def answer(self, data: dict[str, Any]) -> Judged:
        """Compare."""
        if self.person and self.tools.people.verify(self.person.username, str(data.get("password", ""))):
            self.session["methods"] = ["pwd"]
            return Passed()
        tries = self.session["stage"].get("tries", 0) + 1
        self.session["stage"]["tries"] = tries
        why = self.failed("Invalid password")
        return Denied("Too many wrong passwords.") if tries >= self.row["failed_attempts_before_cancel"] else why


class Validate(Stage):
    """A second factor."""

    def _devices(self) -> list[Row]:
        classes = tuple(self.row["device_classes"])
        return self.tools.people.devices(self.person.username, classes) if self.person else []

    def _recent(self) -> bool:
        threshold = seconds(self.row["last_auth_threshold"])
        shown = self.session.get("factors", {})
        times = [at for factor, at in shown.items() if factor in self.row["device_classes"]]
        return bool(threshold) and any(self.tools.now() - at < threshold for at in times)

    def challenge(self) -> Asked:
        """Ask for any device that would do; without one, what the stage says."""
        if self.person is None:
            return Denied(NO_DEVICE)
        devices = self._devices()
        if devices and self._recent():
            return Passed()
        if not devices:
            return self._without()
        challenges: list[dict[str, Any]] = []
        for kind in sorted({row["class"] for row in devices}):
            challenge: Any = {}
            if kind == "webauthn":
                challenge, state = self.tools.webauthn.begin(self.person, self.row["webauthn_user_verification"])
                self.session["stage"]["webauthn"] = state
            uid = next(row["pk"] for row in devices if row["class"] == kind)
            challenges.append({"device_class": kind, "device_uid": uid, "challenge": challenge})
        return {"component": "ak-stage-authenticator-validate", "device_challenges": challenges}

    def _without(self) -> Asked:
        action = self.row["not_configured_action"]
        if action == "skip":
            return Passed()
        if action == "deny":
            return Denied(NO_DEVICE)
        stages = list(self.row["configuration_stages"])
        if len(stages) == 1:
            self.session["stage"]["instead"] = stages[0]
            model = stages[0].partition(" ")[0]
            row = self.tools.people.store.get("object", stages[0]) or {}
            return STAGES[model](self.tools, self.session, row, self.person).challenge()
        choices = [{"pk": pk, "meta_model_name": pk.partition(" ")[0]} for pk in stages]
        return {
            "component": "ak-stage-authenticator-validate",
            "device_challenges": [],
            "configuration_stages": choices,
        }

    def answer(self, data: dict[str, Any]) -> Judged:
        """Judge a code, a signature, or the choice of what to enrol."""
        assert self.person is not None  # noqa: S101 - challenge() has denied
        if selected := data.get("selected_stage"):
            if selected not in self.row["configuration_stages"] or self._devices():
                return "Invalid stage selected"
            self.session["stage"]["instead"] = selected
            return None
        kinds = {row["class"]: row for row in self._devices()}
        if "code" in data and "totp" in kinds:
            right = self.tools.totp.verify(kinds["totp"], str(data["code"]), self.tools.now())
            return self.shown("totp") if right else self.failed("Invalid Token")
        state = self.session["stage"].pop("webauthn", None)
        if "webauthn" in data and "webauthn" in kinds and state:
            right = self.tools.webauthn.verify(self.person, state, data["webauthn"])
            return self.shown("webauthn") if right else self.failed("Assertion failed")
        return self.failed("invalid device_class")


class WebAuthnSetup(Stage):
    """Enrols a WebAuthn device."""

    def challenge(self) -> Asked:
        """Ask the browser for a new credential."""
        if self.person is None:
            return Denied(NO_DEVICE)
        row = self.row
        options, state = self.tools.webauthn.begin_enrolment(
            self.person, row["user_verification"], row["resident_key_requirement"]
        )
        self.session["stage"]["webauthn"] = state
        return {"component": "ak-stage-authenticator-webauthn", "registration": options}

    def answer(self, data: dict[str, Any]) -> Judged:
        """Keep it."""
        state = self.session["stage"].pop("webauthn", None)
        assert self.person is not None  # noqa: S101 - challenge() has denied
        if not state or not self.tools.webauthn.enrol(self.person, state, data.get("response", {})):
            return self.failed("Registration failed")
        name = self.person.username
        self.tools.events.add("model_created", name, self.tools.client_ip, model="webauthndevice")
        return self.shown("webauthn")


class TotpSetup(Stage):
    """Enrols an authenticator app."""

    def challenge(self) -> Asked:
        """Show the secret."""
        if self.person is None:
            return Denied(NO_DEVICE)
        secret = self.session["stage"].setdefault("secret", pyotp.random_base32())
        uri = self.tools.totp.uri(self.person.username, secret, "authentik")
        return {"component": "ak-stage-authenticator-totp", "config_url": uri}

    def answer(self, data: dict[str, Any]) -> Judged:
        """Keep it when the app has it."""
        assert self.person is not None  # noqa: S101 - challenge() has denied
        secret, code = self.session["stage"]["secret"], str(data.get("code", ""))
        if not self.tools.totp.enrol(self.person.username, secret, code, self.tools.now()):
            return self.failed("Code does not match")
        self.tools.events.add("model_created", self.person.username, self.tools.client_ip, model="totpdevice")
        return self.shown("totp")


class Deny(Stage):
    """Nobody passes."""

    def challenge(self) -> Asked:
        """Deny."""
        return Denied(self.row["deny_message"] or "Access denied")


class Login(Stage):
    """The session becomes the person's."""

    def challenge(self) -> Asked:
        """Sign in: nothing is asked."""
        if self.person is None or "pwd" not in self.session.get("methods", []):
            return Denied("No Pending user to login.")
        now = self.tools.now()
        expires = now + (seconds(self.row["session_duration"]) or 86400)
        self.session |= {"user": self.person.username, "auth_time": int(now), "expires": expires}
        methods, factors = self.session["methods"], sorted(self.session.get("factors", {}))
        self.tools.events.add(
            "login", self.person.username, self.tools.client_ip, auth_method_args={"factors": factors, "amr": methods}
        )
        return Passed()


STAGES: dict[str, type[Stage]] = {
    "authentik_stages_identification.identificationstage": Identification,
    "authentik_stages_password.passwordstage": Password,
    "authentik_stages_authenticator_validate.authenticatorvalidatestage": Validate,
    "authentik_stages_authenticator_webauthn.authenticatorwebauthnstage": WebAuthnSetup,
    "authentik_stages_authenticator_totp.authenticatortotpstage": TotpSetup,
    "authentik_stages_deny.denystage": Deny,
    "authentik_stages_user_login.userloginstage": Login,
}
