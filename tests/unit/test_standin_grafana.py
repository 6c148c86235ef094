"""Contract of the Grafana stand-in: its refusals at start, its API, its first password."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lab.standins.grafana import provisioning
from lab.standins.grafana.app import create
from lab.standins.grafana.users import Users

ADMIN = ("admin", "pw")
Write = Callable[[str, str], Path]


@pytest.fixture
def upstream() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.startswith(("/api/v1/query?query=1%2B1", "/echo"))
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/x-test")
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(path: str, text: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return put


def provision(write: Write, tmp_path: Path, url: str) -> None:
    sources = [
        {"name": "Prometheus", "uid": "prometheus", "type": "prometheus", "url": url, "isDefault": True},
        {"name": "Loki", "uid": "loki", "type": "loki", "url": "http://127.0.0.1:1"},
    ]
    write("datasources/a.yml", json.dumps({"apiVersion": 1, "datasources": sources}))
    provider = {"name": "e", "folder": "Estate", "type": "file", "options": {"path": str(tmp_path / "boards")}}
    write("dashboards/a.yml", json.dumps({"apiVersion": 1, "providers": [provider]}))
    panel = {"datasource": {"type": "prometheus", "uid": "prometheus"}}
    write("boards/host.json", json.dumps({"uid": "host", "title": "Host", "tags": ["estate"], "panels": [panel]}))


@pytest.fixture
def client(write: Write, tmp_path: Path, upstream: str) -> TestClient:
    provision(write, tmp_path, upstream)
    users = Users(":memory:")
    users.first_start(*ADMIN)
    return TestClient(create(users, tmp_path, {}))


def test_health_needs_no_login_and_names_the_database(client: TestClient) -> None:
    answer = client.get("/api/health")
    assert answer.status_code == 200
    assert answer.json()["database"] == "ok"


def test_the_api_needs_the_admins_password(client: TestClient) -> None:
    assert client.get("/api/datasources").status_code == 401
    assert client.get("/api/datasources", auth=("admin", "bad")).status_code == 401
    assert [s["uid"] for s in client.get("/api/datasources", auth=ADMIN).json()] == ["prometheus", "loki"]


def test_data_source_health_really_queries(client: TestClient) -> None:
    good = client.get("/api/datasources/uid/prometheus/health", auth=ADMIN)
    assert (good.status_code, good.json()["status"]) == (200, "OK")
    bad = client.get("/api/datasources/uid/loki/health", auth=ADMIN)
    assert (bad.status_code, bad.json()["status"]) == (400, "ERROR")
    assert client.get("/api/datasources/uid/none/health", auth=ADMIN).status_code == 404


def test_the_proxy_hands_path_and_query_on(client: TestClient) -> None:
    answer = client.get("/api/datasources/proxy/uid/prometheus/echo?a=b", auth=ADMIN)
    assert (answer.text, answer.headers["content-type"].partition(";")[0]) == ("/echo?a=b", "text/x-test")
    assert client.get("/api/datasources/proxy/uid/loki/x", auth=ADMIN).status_code == 502


def test_dashboards_are_found_by_search_and_by_uid_only(client: TestClient) -> None:
    (hit,) = client.get("/api/search?type=dash-db&query=hos", auth=ADMIN).json()
    assert (hit["uid"], hit["folderTitle"]) == ("host", "Estate")
    found = client.get("/api/dashboards/uid/host", auth=ADMIN).json()
    assert found["meta"]["provisioned"] is True
    assert found["dashboard"]["title"] == "Host"
    assert client.get("/api/dashboards/host", auth=ADMIN).status_code == 404


def test_a_new_dashboard_shows_after_a_reload(client: TestClient, write: Write) -> None:
    write("boards/new.json", json.dumps({"uid": "new", "title": "New"}))
    assert client.post("/api/admin/provisioning/dashboards/reload", auth=ADMIN).status_code == 200
    assert client.get("/api/dashboards/uid/new", auth=ADMIN).status_code == 200


def test_the_page_says_what_it_is(client: TestClient) -> None:
    assert "not the real thing" in client.get("/").text


def test_the_environments_password_counts_at_the_first_start_only(tmp_path: Path) -> None:
    assert Users(tmp_path / "db").first_start("admin", "first")
    again = Users(tmp_path / "db")
    assert not again.first_start("admin", "second")
    assert again.login("admin", "first")
    again.reset("third")
    assert again.login("admin", "third")
    assert not again.login("admin", "first")


SOURCE = "- {name: A, type: loki, uid: a, isDefault: true}\n"


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (SOURCE + SOURCE.replace("A,", "B,").replace("uid: a", "uid: b"), "Only one datasource per organization"),
        (SOURCE + "- {name: B, type: loki, uid: a}\n", "same uid already exists"),
        (SOURCE + "- {name: A, type: loki, uid: b}\n", "same name already exists"),
        ("- {name: A}\n", "type must be set"),
        ("- {name: A, type: loki, uid: 'a b'}\n", "not a valid uid"),
    ],
)
def test_bad_data_sources_stop_the_start(write: Write, tmp_path: Path, items: str, message: str) -> None:
    write("datasources/a.yml", f"apiVersion: 1\ndatasources:\n{items}")
    with pytest.raises(provisioning.ProvisioningError, match=message):
        provisioning.data_sources(tmp_path / "datasources", {})


def test_two_defaults_in_two_files_stop_the_start(write: Write, tmp_path: Path) -> None:
    write("datasources/a.yml", f"datasources:\n{SOURCE}")
    write("datasources/b.yml", f"datasources:\n{SOURCE.replace('A,', 'B,').replace('uid: a', 'uid: b')}")
    with pytest.raises(provisioning.ProvisioningError, match="Only one datasource"):
        provisioning.data_sources(tmp_path / "datasources", {})


def test_variables_expand_in_values(write: Write, tmp_path: Path) -> None:
    secret = write("secret", "from-file\n")
    text = {"a": "$A ${A} $$A", "b": [f"$__file{{{secret}}}", "$__env{A}"]}
    assert provisioning.expand(text, {"A": "x"}) == {"a": "x x $A", "b": ["from-file", "x"]}


def test_faulty_dashboards_are_named_and_left_out(write: Write, tmp_path: Path) -> None:
    provision(write, tmp_path, "http://x")
    write("boards/x1.json", json.dumps({"uid": "host", "title": "Same uid"}))
    write("boards/x2.json", json.dumps({"uid": "x2", "title": "Host"}))
    write("boards/x3.json", "{")
    write("boards/x4.json", json.dumps({"uid": "x4", "title": "X4", "panels": [{"datasource": {"uid": "gone"}}]}))
    sources = provisioning.data_sources(tmp_path / "datasources", {})
    found = provisioning.dashboards(tmp_path / "dashboards", {}, sources)
    assert [board.uid for board in found.all] == ["host", "x4"]
    expected = ["same UID", "title is not unique", "failed to load", "gone was not found"]
    assert all(text in fault for text, fault in zip(expected, found.faults, strict=True))
