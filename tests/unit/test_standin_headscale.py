"""Contract of the Headscale stand-in: 0.29's refusals, REST v1 with its traps, the CLI's JSON."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lab.standins.headscale import cli
from lab.standins.headscale.app import create, create_metrics
from lab.standins.headscale.config import ConfigError, parse
from lab.standins.headscale.store import Store

CONFIG = """
server_url: https://ts.example.org
listen_addr: 0.0.0.0:8080
metrics_listen_addr: 0.0.0.0:9090
noise: {private_key_path: /var/lib/headscale/noise_private.key}
prefixes: {v4: 100.64.0.0/10}
database: {type: sqlite, sqlite: {path: /var/lib/headscale/db.sqlite}}
dns: {magic_dns: true, base_domain: tail.internal, override_local_dns: true, nameservers: {global: [1.1.1.1]}}
unix_socket_permission: "0770"
"""
FUTURE = "2099-12-01T00:00:00Z"


@pytest.fixture
def store() -> Store:
    return Store(":memory:")


@pytest.fixture
def local(store: Store) -> TestClient:
    """The Unix socket's side: no key needed."""
    return TestClient(create(store, trusted=True))


@pytest.fixture
def client(store: Store, local: TestClient) -> TestClient:
    key = local.post("/api/v1/apikey", json={"expiration": FUTURE}).json()["apiKey"]
    return TestClient(create(store), headers={"Authorization": f"Bearer {key}"})


def test_a_good_configuration_is_taken() -> None:
    config = parse(CONFIG)
    assert config.listen[1] == 8080
    assert config.metrics is not None
    assert config.metrics[1] == 9090
    assert config.socket_mode == 0o770


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("listen_addr", "randomize_client_port: false\nlisten_addr", '"randomize_client_port" .* has been removed'),
        ("listen_addr", "ephemeral_node_inactivity_timeout: 30m\nlisten_addr", "node.ephemeral.inactivity_timeout"),
        ("listen_addr", "typo: 1\nlisten_addr", '"typo" configuration key is not known'),
        ("tail.internal", "example.org", "cannot be part of base_domain"),
        ("tail.internal", "ts.example.org", "cannot use the same domain as base_domain"),
        ("tail.internal", '""', "base_domain must be set"),
        ("[1.1.1.1]", "[]", "nameservers.global must be set"),
        ("https://ts", "ts", "must start with https"),
        ("type: sqlite,", "type: postgres,", "sqlite only"),
        ("prefixes: {v4: 100.64.0.0/10}", "prefixes: {}", "minimum one prefix"),
        ("database:", "database: [", "fatal error reading"),
    ],
)
def test_what_stops_the_start(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(CONFIG.replace(old, new, 1))


def test_health_and_version_need_no_key_and_the_api_does(store: Store, client: TestClient) -> None:
    anonymous = TestClient(create(store))
    assert anonymous.get("/health").json() == {"status": "pass"}
    assert anonymous.get("/version").json()["version"].startswith("v0.29")
    refused = anonymous.get("/api/v1/user")
    assert (refused.status_code, refused.text) == (401, "Unauthorized")
    assert anonymous.get("/api/v1/user", headers={"Authorization": "Bearer hskey-api-x-y"}).status_code == 401
    assert client.get("/api/v1/health").json() == {"databaseConnectivity": True}


def test_ids_are_strings_and_a_duplicate_user_is_a_500(client: TestClient) -> None:
    created = client.post("/api/v1/user", json={"name": "prodgroup"}).json()["user"]
    assert (created["id"], created["name"]) == ("1", "prodgroup")
    again = client.post("/api/v1/user", json={"name": "prodgroup"})
    assert again.status_code == 500
    assert set(again.json()) == {"code", "message", "details"}
    assert [u["name"] for u in client.get("/api/v1/user?name=prodgroup").json()["users"]] == ["prodgroup"]
    assert client.get("/api/v1/user?name=other").json()["users"] == []


def test_users_are_renamed_and_deleted(client: TestClient) -> None:
    client.post("/api/v1/user", json={"name": "one"})
    assert client.post("/api/v1/user/1/rename/two").json()["user"]["name"] == "two"
    assert client.delete("/api/v1/user/1").status_code == 200
    assert client.delete("/api/v1/user/1").status_code == 500


def test_a_pre_auth_key_without_expiration_has_expired_already(client: TestClient) -> None:
    client.post("/api/v1/user", json={"name": "one"})
    key = client.post("/api/v1/preauthkey", json={"user": "1", "reusable": True}).json()["preAuthKey"]
    assert key["expiration"].startswith("0001-01-01")


def test_the_whole_pre_auth_key_is_shown_once(client: TestClient) -> None:
    client.post("/api/v1/user", json={"name": "one"})
    body = {"user": "1", "expiration": FUTURE, "aclTags": ["tag:b", "tag:a"]}
    made = client.post("/api/v1/preauthkey", json=body).json()["preAuthKey"]
    assert made["key"].startswith("hskey-auth-")
    assert made["aclTags"] == ["tag:a", "tag:b"]
    (listed,) = client.get("/api/v1/preauthkey").json()["preAuthKeys"]
    assert listed["key"].endswith("-***")
    assert listed["expiration"].startswith("2099")
    assert client.post("/api/v1/preauthkey/expire", json={"id": listed["id"]}).status_code == 200
    assert client.delete("/api/v1/preauthkey", params={"id": listed["id"]}).status_code == 200
    assert client.get("/api/v1/preauthkey").json()["preAuthKeys"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [({"user": "9"}, 500), ({}, 500), ({"aclTags": ["b"]}, 400), ({"user": "x"}, 400), ({"expiration": "soon"}, 400)],
)
def test_bad_pre_auth_keys_are_refused(client: TestClient, body: dict[str, Any], status: int) -> None:
    assert client.post("/api/v1/preauthkey", json=body).status_code == status


def test_an_expired_or_deleted_api_key_no_longer_works(client: TestClient) -> None:
    (key,) = client.get("/api/v1/apikey").json()["apiKeys"]
    assert key["prefix"].endswith("-***")
    assert client.post("/api/v1/apikey/expire", json={"prefix": key["prefix"]}).status_code == 200
    assert client.get("/api/v1/user").status_code == 401


def test_there_are_no_nodes_and_the_policy_is_a_file(client: TestClient) -> None:
    assert client.get("/api/v1/node").json() == {"nodes": []}
    assert client.get("/api/v1/node/1").status_code == 404
    assert client.put("/api/v1/policy", json={"policy": ""}).status_code == 400


def test_metrics_are_on_their_own_listener(store: Store, client: TestClient) -> None:
    assert "headscale_build_info" in TestClient(create_metrics(store)).get("/metrics").text
    assert client.get("/metrics").status_code == 404


def run_cli(monkeypatch: pytest.MonkeyPatch, local: TestClient, *arguments: str) -> int:
    def call(path: Path, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = local.request(method, f"/api/v1{url}", json=body)
        if answer.status_code != 200:
            raise cli.CliError(answer.json()["message"])
        return dict(answer.json())

    monkeypatch.setattr(cli, "call", call)
    given: Namespace = cli.parser().parse_args(arguments)
    return cli.run(Path("/nowhere"), given)


def test_the_cli_prints_snake_case_numbers_and_errors_with_status_1(
    monkeypatch: pytest.MonkeyPatch, local: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(monkeypatch, local, "users", "list", "-o", "json") == 0
    assert capsys.readouterr().out == "null\n"
    assert run_cli(monkeypatch, local, "users", "create", "prodgroup", "-o", "json-line") == 0
    assert capsys.readouterr().out.startswith('{"id": 1, "name": "prodgroup", "created_at": {"seconds":')
    assert run_cli(monkeypatch, local, "users", "create", "prodgroup", "-o", "json-line") == 1
    assert capsys.readouterr().err.startswith('{"error":')
    assert run_cli(monkeypatch, local, "preauthkeys", "create", "--user", "1", "--expiration", "24h") == 0
    assert capsys.readouterr().out.startswith("hskey-auth-")
    assert run_cli(monkeypatch, local, "apikeys", "create", "--expiration", "90d") == 0
    assert capsys.readouterr().out.startswith("hskey-api-")
    assert run_cli(monkeypatch, local, "health") == 0
    assert run_cli(monkeypatch, local, "nodes", "list", "-o", "json") == 0
    assert run_cli(monkeypatch, local, "preauthkeys", "create", "--user", "1", "--expiration", "soon") == 1


def test_the_cli_fails_when_no_server_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(Path("/nowhere/at/all"), cli.parser().parse_args(["health"])) == 1
    assert "connecting to headscale" in capsys.readouterr().err
