"""People with a browser, an authenticator app and a security key, who sign in as a person would."""

import time
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

PATIENCE = 60
"""Seconds: a live server may be at the other end of a tunnel."""
FLAGS = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV


class RefusedError(AssertionError):
    """The server does not let the person on; the text is what it says."""


class Front(httpx.BaseTransport):
    """Stands for the proxy in front: ends TLS, and tells the server the client's address."""

    def __init__(self, url: str, client_ip: str):
        self.url, self.client_ip = httpx.URL(url), client_ip
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = [*request.headers.raw, (b"X-Forwarded-Proto", b"https"), (b"X-Contract", b"sso")]
        headers.append((b"X-Forwarded-For", self.client_ip.encode()))
        url = request.url.copy_with(scheme=self.url.scheme, host=self.url.host, port=self.url.port)
        inner = httpx.Request(request.method, url, headers=headers, stream=request.stream)
        return self.inner.handle_request(inner)


class SecurityKey:
    """A WebAuthn authenticator in memory; it signs for the origin that its browser is at."""

    def __init__(self, origin: str):
        self.origin = origin
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.id = sha256(str(id(self)).encode()).digest()

    def _client_data(self, kind, challenge):
        return CollectedClientData.create(kind, websafe_decode(challenge), self.origin)

    def _document(self, response):
        identifier = websafe_encode(self.id)
        encoded = {name: websafe_encode(value) for name, value in response.items()}
        return {"id": identifier, "rawId": identifier, "type": "public-key", "response": encoded}

    def register(self, options):
        public = ES256.from_cryptography_key(self.private.public_key())
        credential = AttestedCredentialData.create(b"\0" * 16, self.id, public)
        rp = sha256(options["rp"]["id"].encode()).digest()
        data = AuthenticatorData.create(rp, FLAGS | AuthenticatorData.FLAG.AT, 0, credential)
        client = self._client_data(CollectedClientData.TYPE.CREATE, options["challenge"])
        return self._document(
            {"clientDataJSON": client, "attestationObject": AttestationObject.create("none", data, {})}
        )

    def sign(self, options):
        assert websafe_encode(self.id) in [each["id"] for each in options["allowCredentials"]]
        data = AuthenticatorData.create(sha256(options["rpId"].encode()).digest(), FLAGS, 0)
        client = self._client_data(CollectedClientData.TYPE.GET, options["challenge"])
        signature = self.private.sign(data + client.hash, ec.ECDSA(hashes.SHA256()))
        return self._document({"clientDataJSON": client, "authenticatorData": data, "signature": signature})


@dataclass
class Person:
    """Somebody with an account and, once enrolled, devices. `uses` is the factor they reach for."""

    username: str
    password: str
    uses: str = "totp"
    secret: str = ""
    key: SecurityKey | None = None
    now: object = field(default=time.time)

    def answer(self, asked, origin):
        component = asked["component"]
        if component == "ak-stage-identification":
            return {"uid_field": self.username}
        if component == "ak-stage-password":
            return {"password": self.password}
        if component == "ak-stage-authenticator-totp":
            self.secret = parse_qs(urlsplit(asked["config_url"]).query)["secret"][0]
            return {"code": self.code()}
        if component == "ak-stage-authenticator-webauthn":
            self.key = SecurityKey(origin)
            return {"response": self.key.register(asked["registration"])}
        assert component == "ak-stage-authenticator-validate", asked
        return self._validate(asked)

    def _validate(self, asked):
        for choice in asked.get("configuration_stages", []):
            if self.uses in choice["meta_model_name"]:
                return {"selected_stage": choice["pk"]}
        offered = {each["device_class"]: each["challenge"] for each in asked["device_challenges"]}
        if self.uses == "totp" and "totp" in offered:
            return {"code": self.code()}
        if "webauthn" in offered and self.key:
            return {"webauthn": self.key.sign(offered["webauthn"])}
        raise RefusedError(f"asked for {sorted(offered)}, has {self.uses}")

    def code(self):
        return pyotp.TOTP(self.secret).at(int(self.now()))


def document(response: httpx.Response) -> dict:
    """The JSON that it brought; whatever else came is told."""
    kind = response.headers.get("content-type", "")
    assert kind.startswith("application/json"), (response.status_code, kind, response.text[:200])
    return response.json()


class Browser:
    """A browser at one address, with its cookies."""

    def __init__(self, front: httpx.BaseTransport):
        self.http = httpx.Client(transport=front, trust_env=False, timeout=PATIENCE)
        self.asked: list[str] = []

    def get(self, url: str) -> httpx.Response:
        return self.http.get(url)

    def open(self, url: str, person: Person | None = None, until: str = "\0") -> httpx.Response | str:
        """Follow redirects and sign in where it is asked; gives the last answer, or the address that begins `until`."""
        for _ in range(20):
            response = self.get(url)
            if response.status_code in (400, 403):
                raise RefusedError(response.text)
            if not response.is_redirect:
                if "/if/flow/" not in str(response.url) or person is None:
                    return response
                target = self.sign_in(str(response.url), person)
            else:
                target = response.headers["location"]
            url = urljoin(url, target)
            if url.startswith(until):
                return url
        raise AssertionError("redirects for ever")

    def sign_in(self, page: str, person: Person) -> str:
        """Answer the flow whose page this is; gives where it leads to."""
        parts = urlsplit(page)
        slug = parts.path.split("/")[3]
        origin = f"{parts.scheme}://{parts.netloc}"
        api = f"{origin}/api/v3/flows/executor/{slug}/?{urlencode({'query': parts.query})}"
        asked = document(self.http.get(api))
        for _ in range(12):
            self.asked.append(asked["component"])
            if asked["component"] == "xak-flow-redirect":
                return asked["to"]
            if asked["component"] == "ak-stage-access-denied":
                raise RefusedError(asked["error_message"])
            if errors := asked.get("response_errors"):
                raise RefusedError(str(errors))
            asked = document(self.http.post(api, json=person.answer(asked, origin)))
        raise AssertionError("stages for ever")
