"""Contract of the Infisical stand-in: environment, key, status, bootstrap, and the paths that mislead."""

import socketserver
import threading
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from lab.standins import probes
from lab.standins.infisical import tokens
from lab.standins.infisical.app import create
from lab.standins.infisical.settings import Settings, SettingsError, read
from lab.standins.infisical.store import MemoryStore, same_encryption_key

ENVIRONMENT = {
    "ENCRYPTION_KEY": "0123456789abcdef" * 2,
    "AUTH_SECRET": "secret",
    "DB_CONNECTION_URI": "postgres://u:p@db:5432/i",
    "REDIS_URL": "redis://:p@redis:6379",
    "SITE_URL": "https://secrets.example.org",
    "PORT": "8082",
}
ADMIN = {"email": "a@example.org", "password": "a long password", "organization": "Prod G"}


@pytest.fixture
def settings() -> Settings:
    return read(ENVIRONMENT)


@pytest.fixture
def client(settings: Settings) -> TestClient:
    return TestClient(create(settings, MemoryStore(), lambda uri: None))


@pytest.mark.parametrize("name", ["ENCRYPTION_KEY", "AUTH_SECRET", "DB_CONNECTION_URI", "REDIS_URL", "SITE_URL"])
def test_each_setting_is_required(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: Required"):
        read({key: text for key, text in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("name", "text"),
    [("ENCRYPTION_KEY", "ab" * 32), ("ENCRYPTION_KEY", "z" * 32), ("SITE_URL", "secrets"), ("REDIS_URL", "redis")],
)
def test_malformed_settings_are_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read({**ENVIRONMENT, name: text})


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read({})
    assert len(str(caught.value).splitlines()) == 5


def test_status_has_the_documented_fields(client: TestClient) -> None:
    answer = client.get("/api/status")
    assert answer.status_code == 200
    flags = {"emailConfigured", "inviteOnlySignup", "redisConfigured", "secretScanningConfigured"}
    assert set(answer.json()) == {"date", "message", *flags}
    assert answer.json()["message"] == "Ok"


def test_status_fails_with_a_dependency(settings: Settings) -> None:
    def away(uri: str) -> None:
        raise probes.ProbeError("Redis: connection refused")

    assert TestClient(create(settings, MemoryStore(), away)).get("/api/status").status_code == 503


def test_api_health_is_a_404_and_any_page_is_a_200(client: TestClient) -> None:
    assert client.get("/api/health").status_code == 404
    for path in ("/", "/health", "/anything/else"):
        answer = client.get(path)
        assert (answer.status_code, "stand-in" in answer.text) == (200, True)


def test_bootstrap_works_once_and_its_token_is_signed(client: TestClient) -> None:
    made = client.post("/api/v1/admin/bootstrap", json=ADMIN)
    assert made.status_code == 200
    body = made.json()
    assert body["user"]["superAdmin"] is True
    assert body["organization"]["slug"] == "prod-g"
    token = body["identity"]["credentials"]["token"]
    claims = tokens.claims(token, "secret")
    assert claims is not None
    assert claims["identityId"] == body["identity"]["id"]
    assert claims["exp"] > claims["iat"], "a token without an end is refused by newer servers"
    assert tokens.claims(token, "another") is None
    again = client.post("/api/v1/admin/bootstrap", json=ADMIN)
    assert (again.status_code, again.json()["error"]) == (400, "BadRequest")


@pytest.mark.parametrize("body", [None, {}, {**ADMIN, "email": "nobody"}, {**ADMIN, "password": 1}])
def test_a_bad_bootstrap_is_a_422_with_a_list_of_issues(client: TestClient, body: object) -> None:
    answer = client.post("/api/v1/admin/bootstrap", json=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "ValidationFailure")
    assert isinstance(answer.json()["message"], list)


def test_another_encryption_key_is_noticed() -> None:
    store = MemoryStore()
    assert same_encryption_key(store, "a" * 32)
    assert same_encryption_key(store, "a" * 32)
    assert not same_encryption_key(store, "b" * 32)


class _Redis(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline().decode().strip():
            words = []
            for _ in range(int(line.removeprefix("*"))):
                self.rfile.readline()
                words.append(self.rfile.readline().decode().strip())
            self.wfile.write(b"+OK\r\n" if words in (["AUTH", "p%w"], ["PING"]) else b"-WRONGPASS invalid\r\n")


@pytest.fixture
def redis() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Redis) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_redis_is_asked_with_the_decoded_password(redis: int) -> None:
    probes.redis(f"redis://:p%25w@127.0.0.1:{redis}")
    with pytest.raises(probes.ProbeError, match="WRONGPASS"):
        probes.redis(f"redis://:bad@127.0.0.1:{redis}")


def test_an_absent_redis_is_a_probe_error() -> None:
    with pytest.raises(probes.ProbeError, match="Redis"):
        probes.redis("redis://127.0.0.1:1")
