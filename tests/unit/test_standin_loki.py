"""Contract of the Loki stand-in: what it refuses, what it stores, what it answers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lab.standins.loki import logql
from lab.standins.loki.__main__ import main
from lab.standins.loki.app import create
from lab.standins.loki.config import ConfigError, parse
from lab.standins.loki.store import Store

CONFIG = """
auth_enabled: false
server: {http_listen_port: 3100}
common: {path_prefix: /loki}
schema_config:
  configs:
    - {from: "2024-01-01", store: tsdb, object_store: filesystem, schema: v13, index: {prefix: i_, period: 24h}}
limits_config: {retention_period: 720h}
compactor: {retention_enabled: true, delete_request_store: filesystem}
"""
SECOND = 1_000_000_000


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create(Store(tmp_path / "db"))) as client:
        yield client


def push(client: TestClient, labels: dict[str, str], *lines: str, at: int | None = None) -> None:
    first = at or time.time_ns() - SECOND
    values = [[str(first + number), line] for number, line in enumerate(lines)]
    body = {"streams": [{"stream": labels, "values": values}]}
    assert client.post("/loki/api/v1/push", json=body).status_code == 204


def lines(client: TestClient, query: str, **more: object) -> list[str]:
    answer = client.get("/loki/api/v1/query_range", params={"query": query, **more}).json()
    assert answer["data"]["resultType"] == "streams"
    return [value[1] for stream in answer["data"]["result"] for value in stream["values"]]


def test_a_good_configuration_gives_port_path_and_retention() -> None:
    config = parse(CONFIG)
    assert (config.port, config.path_prefix, config.retention) == (3100, Path("/loki"), 720 * 3600)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "failed parsing config"),
        ("nonsense: 1", "field nonsense not found"),
        ("auth_enabled: false", "no schema periods"),
        (CONFIG.replace(", delete_request_store: filesystem", ""), "delete-request-store should be configured"),
        (CONFIG.replace("period: 24h", "period: 48h"), "must be 24h with tsdb"),
        (CONFIG.replace("720h", "720 hours"), "not a valid duration"),
        (CONFIG.replace("server: {http_listen_port: 3100}", "server: 3100"), "cannot unmarshal"),
    ],
)
def test_a_bad_configuration_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text)


def test_verify_config_says_so_by_its_status(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(CONFIG)
    bad.write_text("nonsense: 1")
    assert main([f"-config.file={good}", "-verify-config"]) == 0
    assert main([f"-config.file={bad}", "-verify-config"]) == 1


def test_health_fails_when_nothing_listens() -> None:
    assert main(["-health", "-health.url=http://127.0.0.1:1/ready"]) == 1


def test_ready_and_metrics_answer(client: TestClient) -> None:
    assert client.get("/ready").text == "ready\n"
    assert "loki_build_info" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{job="a"}', ["one", "two", "three"]),
        ('{job=~"a|b"}', ["one", "two", "three", "four"]),
        ('{job=~".+", job!="a"}', ["four"]),
        ('{job=~".+", job!~"b.*"}', ["one", "two", "three"]),
        ('{job="a"} |= "o"', ["one", "two"]),
        ('{job="a"} != "o"', ["three"]),
        ('{job="a"} |~ "^t" !~ "ee$"', ["two"]),
        ("{job=`a`} |= `one`", ["one"]),
        ('{job="nothing"}', []),
    ],
)
def test_selectors_and_line_filters(client: TestClient, query: str, expected: list[str]) -> None:
    push(client, {"job": "a"}, "one", "two", "three")
    push(client, {"job": "b"}, "four")
    assert sorted(lines(client, query, direction="forward")) == sorted(expected)


@pytest.mark.parametrize(
    "query",
    ["", "{", '{job="a"', '{job="a"} |', '{job="a"} | json', "{}", '{job=~".*"}', '{job=~"("}', "job", '{job="a"}[5m]'],
)
def test_a_query_outside_the_language_or_the_subset_is_a_400(client: TestClient, query: str) -> None:
    assert client.get("/loki/api/v1/query_range", params={"query": query}).status_code == 400


def test_the_limit_keeps_the_newest_lines_unless_forward(client: TestClient) -> None:
    push(client, {"job": "a"}, "one", "two", "three")
    assert lines(client, '{job="a"}', limit=2) == ["three", "two"]
    assert lines(client, '{job="a"}', limit=2, direction="forward") == ["one", "two"]


def test_counts_are_strings_and_sum_by_groups(client: TestClient) -> None:
    push(client, {"job": "a", "host": "x"}, "one", "two")
    push(client, {"job": "a", "host": "y"}, "three")
    query = 'sum by (job) (count_over_time({job="a"}[5m]))'
    (result,) = client.get("/loki/api/v1/query", params={"query": query}).json()["data"]["result"]
    assert result["metric"] == {"job": "a"}
    assert result["value"][1] == "3"
    posted = client.post("/loki/api/v1/query", data={"query": 'sum(rate({job="a"}[5m]))'}).json()
    assert posted["data"]["result"][0]["value"][1] == "0.01"


def test_a_log_query_is_no_instant_query(client: TestClient) -> None:
    assert client.get("/loki/api/v1/query", params={"query": '{job="a"}'}).status_code == 400


def test_grafanas_health_query_is_answered(client: TestClient) -> None:
    answer = client.get("/loki/api/v1/query", params={"query": "vector(1)+vector(1)"}).json()
    assert answer["data"]["result"][0]["value"][1] == "2"


def test_labels_values_and_series(client: TestClient) -> None:
    push(client, {"job": "a", "host": "x"}, "one")
    push(client, {"job": "b"}, "two")
    assert client.get("/loki/api/v1/labels").json()["data"] == ["host", "job"]
    assert client.get("/loki/api/v1/label/job/values").json()["data"] == ["a", "b"]
    series = client.get("/loki/api/v1/series", params={"match[]": '{job="b"}'}).json()["data"]
    assert series == [{"job": "b"}]


@pytest.mark.parametrize(
    "body", [b"{", b"{}", b'{"streams":[{"stream":{},"values":[]}]}', b'{"streams":[{"stream":{"a":"b"}}]}']
)
def test_a_bad_push_is_a_400(client: TestClient, body: bytes) -> None:
    answer = client.post("/loki/api/v1/push", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_protobuf_push_is_refused_loudly(client: TestClient) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    assert client.post("/loki/api/v1/push", content=b"x", headers=headers).status_code == 415


def test_lines_survive_a_restart_and_a_repeated_push_adds_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with TestClient(create(Store(tmp_path / "db"))) as client:
            push(client, {"job": "a"}, "one", at=SECOND)
    assert Store(tmp_path / "db").count() == 1


def test_retention_deletes_what_is_older(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    store.append({"job": "a"}, [(SECOND, "old"), (time.time_ns(), "new")])
    assert store.prune(2 * SECOND) == 1
    assert store.count() == 1


def test_regular_expressions_of_selectors_match_whole_values() -> None:
    query = logql.parse('{job=~"a"}')
    assert query.selects({"job": "a"})
    assert not query.selects({"job": "ab"})
    assert json.dumps(query.group({"job": "a"})) == '{"job": "a"}'
