"""Authentik to hold to its contract: the stand-in in this process with the estate's own blueprints, or a live one.

    AUTHENTIK_URL=https://auth.… AUTHENTIK_TOKEN=… AUTHENTIK_CLIENT_SECRET=… pytest tests/contract/test_sso.py

The token is the API's, the secret that of the client `hl-grafana`; AUTHENTIK_CA (a file) and AUTHENTIK_ADDRESS (an
address to ask instead of what the name resolves to) are optional. Tests that need to come from elsewhere, or to move
the clock, are skipped there. The accounts that it makes begin with "contract-".
"""

import http.server
import os
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from server import serve
from sso_people import PATIENCE, Browser, Front, Person

from estate.models.sso import SsoSettings
from estate.sso.applications import applications_blueprint
from estate.sso.clients import ADMINS, USERS, in_use, secret_file
from estate.sso.login import login_blueprint
from lab.standins.authentik.app import Authentik, create
from lab.standins.authentik.blueprints import Blueprints
from lab.standins.authentik.settings import read
from lab.standins.rows import MemoryStore

INSIDE, OUTSIDE = "10.20.0.99", "203.0.113.7"
SSO = SsoSettings(
    domain="prodg.studio",
    internal_networks=("10.20.0.0/16",),
    tunnel_addresses=("10.20.0.50/32",),
    proxmox_urls=("https://dl380p.home.arpa:8006", "https://i5.home.arpa:8006"),
    upstreams={"n8n": "127.0.0.1"},
)
TOKEN = "contract-token"


class _Site(http.server.BaseHTTPRequestHandler):
    """What the outpost guards: it says who it was told is there."""

    def do_GET(self):
        who = self.headers.get("X-authentik-username", "nobody")
        body = f"{self.path} {who} {self.headers['X-Forwarded-For']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Clock:
    """A clock that a test moves."""

    moved = 0.0

    def __call__(self):
        return time.time() + self.moved


class _Address(httpx.HTTPTransport):
    """Asks at another address than the name's."""

    def __init__(self, address: str, ca: str):
        super().__init__(verify=ssl.create_default_context(cafile=ca or None))
        self.address = address

    def handle_request(self, request):
        # Another request: the client goes on from the address of the one that it made
        inner = httpx.Request(
            request.method,
            request.url.copy_with(host=self.address) if self.address else request.url,
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(inner)


@dataclass
class Sso:
    """Where the contract is tried. `standin` is its store, or None for a live one."""

    base: str
    token: str = field(repr=False)
    front: Callable[[str], httpx.BaseTransport]
    secret: Callable[[str], str] = field(repr=False)
    standin: MemoryStore | None = None
    clock: Clock = field(default_factory=Clock)
    people: dict[str, Person] = field(default_factory=dict)

    def browser(self, client_ip: str = INSIDE) -> Browser:
        return Browser(self.front(client_ip))

    def api(self, method: str, path: str, **options):
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(transport=self.front(INSIDE), trust_env=False, headers=headers, timeout=PATIENCE) as http:
            answer = http.request(method, f"{self.base}/api/v3{path}", **options)
        assert answer.status_code < 300, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else {}

    def person(self, uses: str = "totp", groups: tuple[str, ...] = (USERS,)) -> Person:
        """A new account with a password of its own and no device yet."""
        pks = [self.api("GET", "/core/groups/", params={"name": name})["results"][0]["pk"] for name in groups]
        name = f"contract-{secrets.token_hex(4)}"
        body = {"username": name, "name": name, "email": f"{name}@example.org", "groups": pks}
        made = self.api("POST", "/core/users/", json=body)
        person = Person(name, secrets.token_urlsafe(18), uses, now=self.clock)
        self.api("POST", f"/core/users/{made['pk']}/set_password/", json={"password": person.password})
        return person

    def enrolled(self, uses: str = "totp", groups: tuple[str, ...] = (USERS,)) -> Person:
        """An account whose device was enrolled from inside."""
        person = self.person(uses, groups)
        self.browser().open(f"{self.base}/if/flow/estate-authentication/", person)
        self.clock.moved += 60  # a code is good once
        return person

    def admin(self) -> Person:
        return self.enrolled("webauthn", (ADMINS,))


def _live() -> Sso:
    ca, address = os.environ.get("AUTHENTIK_CA", ""), os.environ.get("AUTHENTIK_ADDRESS", "")
    return Sso(
        os.environ["AUTHENTIK_URL"],
        os.environ["AUTHENTIK_TOKEN"],
        lambda client_ip: _Address(address, ca),
        lambda name: os.environ["AUTHENTIK_CLIENT_SECRET"],
    )


def start(directory):
    """The server, and what ends it."""
    if os.environ.get("AUTHENTIK_URL"):
        return _live(), lambda: None
    blueprints, keys = directory / "blueprints", {}
    blueprints.mkdir()
    texts = {"estate-login.yaml": login_blueprint(SSO), "estate-applications.yaml": applications_blueprint(SSO)}
    for client in in_use():
        keys[client.name] = secrets.token_urlsafe(24)
        (directory / secret_file(client)).write_text(keys[client.name] + "\n")
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True).start()
    upstream = f"http://127.0.0.1:{site.server_port}"
    for name, text in texts.items():
        text = text.replace("/run/secrets", str(directory)).replace("http://127.0.0.1:5678", upstream)
        (blueprints / name).write_text(text)
    store, clock = MemoryStore(), Clock()
    assert Blueprints(store, blueprints).apply_all() == {"Estate - Login": "", "Estate - Applications": ""}
    environment = {"AUTHENTIK_SECRET_KEY": "k" * 50, "AUTHENTIK_BOOTSTRAP_TOKEN": TOKEN}
    environment["AUTHENTIK_BOOTSTRAP_PASSWORD"] = secrets.token_urlsafe(24)
    environment["AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS"] = "127.0.0.0/8"
    url = serve(create(Authentik(read(environment), store, clock)), "sso")

    def stop():
        site.shutdown()
        site.server_close()

    return Sso(f"https://{SSO.host}", TOKEN, lambda ip: Front(url, ip), keys.__getitem__, store, clock), stop
