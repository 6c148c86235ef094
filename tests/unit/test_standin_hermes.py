"""Contract of the Hermes stand-in, and what all stand-ins share."""

import pytest
from starlette.testclient import TestClient

from lab.standins import probes
from lab.standins.common import HEADER, Labelled, banner, sample
from lab.standins.hermes.app import create

TOKEN = {"Authorization": "Bearer t"}


def good(target: str) -> None:
    assert target == "here"


def bad(target: str) -> None:
    raise probes.ProbeError("away")


def client(**environment: str) -> TestClient:
    checks = {"postgres": ("DATABASE_URL", good), "redis": ("REDIS_URL", bad)}
    return TestClient(create({"HERMES_API_TOKEN": "t", **environment}, checks))


def test_health_asks_only_what_is_configured() -> None:
    assert client().get("/health").json()["checks"] == {}
    assert client(DATABASE_URL="here").get("/health").json()["checks"] == {"postgres": "ok"}


def test_health_is_a_503_while_a_dependency_is_away() -> None:
    answer = client(DATABASE_URL="here", REDIS_URL="there").get("/health")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"postgres": "ok", "redis": "away"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer "}])
def test_research_needs_the_token(headers: dict[str, str]) -> None:
    assert client().post("/v1/research", json={"query": "q"}, headers=headers).status_code == 401


def test_research_answers_and_says_it_is_canned() -> None:
    served = client()
    answer = served.post("/v1/research", json={"query": "q"}, headers=TOKEN)
    assert answer.status_code == 200
    assert answer.json()["stand_in"] is True
    assert served.post("/v1/research", json={}, headers=TOKEN).status_code == 422
    assert 'hermes_research_requests_total{status="200"} 1' in served.get("/metrics").text


def test_every_answer_carries_the_stand_in_header() -> None:
    app = Labelled(create({"HERMES_API_TOKEN": "t"}, {}), "Hermes API")
    for path in ("/health", "/nothing"):
        assert TestClient(app).get(path).headers[HEADER] == "Hermes API"


def test_the_banner_says_what_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    banner("X")
    assert capsys.readouterr().err == "ESTATE LAB STAND-IN for X: not the real thing\n"


def test_label_values_are_escaped() -> None:
    assert sample("a", 1, {"b": 'c"\\\n'}) == 'a{b="c\\"\\\\\\n"} 1\n'
