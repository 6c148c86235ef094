"""Contract of the stand-ins of Pangolin, Gerbil and Newt: set up without a click, and data that really flows."""

import json

import pytest
from pangolin_client import ADMIN, HTTP, SITE, TARGET, client, set_up
from pangolin_server import CONFIG, ENVIRONMENT, settings
from starlette.testclient import TestClient

from lab.standins.gerbil.__main__ import parse as gerbil_arguments
from lab.standins.pangolin.app import External
from lab.standins.pangolin.blueprint import BlueprintError, parse
from lab.standins.pangolin.settings import ConfigError, read
from lab.standins.pangolin.store import Store


@pytest.mark.parametrize(
    ("text", "environment", "fault"),
    [
        ("app: {}\nnothing: 1", {}, "unknown keys: nothing"),
        (CONFIG % 1, {"SERVER_SECRET": "short"}, "at least 8"),
        (CONFIG % 1, {"PANGOLIN_SETUP_TOKEN": "x"}, "32 characters"),
        ("app: {dashboard_url: 'https://a'}\ngerbil: {base_endpoint: a}", {}, "domains"),
    ],
)
def test_a_wrong_configuration_is_refused(text, environment, fault):
    with pytest.raises(ConfigError, match=fault):
        read(text, ENVIRONMENT | environment)


def test_the_setup_token_makes_one_admin_with_a_strong_password(tmp_path):
    store = Store(tmp_path / "db")
    api = client(store)
    assert api.get("/api/v1/auth/initial-setup-complete").json()["data"] == {"complete": False}
    path = "/api/v1/auth/set-server-admin"
    assert api.put(path, json={**ADMIN, "setupToken": "wrong"}).status_code == 400
    weak = {**ADMIN, "password": "Secret1234", "setupToken": "t" * 32}
    assert api.put(path, json=weak).status_code == 400
    assert api.put(path, json={**ADMIN, "setupToken": "t" * 32}).status_code == 200
    assert api.put(path, json={**ADMIN, "setupToken": "t" * 32}).status_code == 403
    assert api.post("/api/v1/auth/login", json={**ADMIN, "password": "x"}).status_code == 401


def test_calls_need_a_session_and_the_csrf_header(tmp_path):
    store = Store(tmp_path / "db")
    assert client(store).get("/api/v1/orgs").status_code == 401
    api = set_up(store)
    assert api.get("/api/v1/org/homelab/sites").json()["data"]["sites"][0]["niceId"] == "home"
    bare = TestClient(External(store, settings()).app(), base_url="https://testserver", cookies=dict(api.cookies))
    assert bare.put("/api/v1/org", json={}).status_code == 403
    assert api.put("/api/v1/org/homelab/site", json=SITE).status_code == 409


@pytest.mark.parametrize(
    ("resource", "fault"),
    [
        ({**HTTP, "targets": []}, "targets are required"),
        ({**HTTP, "full-domain": "n8n.other.org", "targets": [TARGET]}, "not below"),
        ({**HTTP, "colour": "red", "targets": [TARGET]}, "unrecognized keys: colour"),
        ({**HTTP, "targets": [{"hostname": "a", "port": 1}]}, "method is required"),
        ({"name": "R", "mode": "tcp", "targets": [TARGET]}, "needs proxy-port"),
        ({"name": "R", "mode": "tcp", "proxy-port": 1, "targets": [TARGET]}, "method is not allowed"),
    ],
)
def test_a_blueprint_is_refused_as_a_whole(resource, fault):
    with pytest.raises(BlueprintError, match=fault):
        parse(json.dumps({"public-resources": {"x": resource}}), settings())


def test_raw_resources_have_to_be_allowed():
    raw = {"x": {"name": "R", "mode": "tcp", "proxy-port": 1, "targets": [{"hostname": "a", "port": 1}]}}
    none = read((CONFIG % 1).replace("allow_raw_resources: true", "allow_raw_resources: false"), ENVIRONMENT)
    with pytest.raises(BlueprintError, match="not allowed"):
        parse(json.dumps({"public-resources": raw}), none)


def test_gerbil_refuses_unknown_arguments():
    with pytest.raises(SystemExit):
        gerbil_arguments(["--reachableAt=a", "--generateAndSaveKeyTo=b", "--remoteConfig=c", "--nonsense"])
