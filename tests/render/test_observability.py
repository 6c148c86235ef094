"""Scrape targets, log shipping and dashboards follow the declarations, and what they name exists."""

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import factories
import pytest
import yaml

from estate.models.stack import Stack
from lab.standins.grafana import provisioning
from lab.standins.loki import config as loki_config
from lab.standins.loki import logql

from .rendered import PROMTOOL, needs_promtool, run, write

BOARDS = ("host", "containers", "services", "logs", "backups")
WATCHERS = ("prometheus", "grafana")
VARIABLES = {"$__rate_interval": "5m", "$__auto": "5m", "$container": ".+", "$search": "text"}


def names(*without: str) -> tuple[str, ...]:
    """The services of the full stack but some."""
    return tuple(service.name for service in factories.stack().services if service.name not in without)


@pytest.fixture(scope="module")
def grafana(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(factories.stack(), "grafana", tmp_path_factory.mktemp("grafana"))


def board(folder: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f"boards/{name}.json").read_text())
    return document


def panels(folder: Path) -> list[dict[str, Any]]:
    """The panels of all boards, without the rows."""
    all_panels = chain.from_iterable(board(folder, name)["panels"] for name in BOARDS)
    return [panel for panel in all_panels if panel["type"] != "row"]


def expressions(folder: Path, source: str) -> set[str]:
    """Every query to a data source, with Grafana's variables filled in."""
    found = set()
    for panel in panels(folder):
        for target in panel["targets"]:
            if target["datasource"]["uid"] == source:
                text = target["expr"]
                for variable, value in VARIABLES.items():
                    text = text.replace(variable, value)
                found.add(text)
    return found


def test_boards_are_unique_and_importable(grafana: Path) -> None:
    boards = [board(grafana, name) for name in BOARDS]
    assert len({b["uid"] for b in boards}) == len({b["title"] for b in boards}) == len(BOARDS)
    for document in boards:
        assert document["id"] is None
        assert document["schemaVersion"] >= 39
        assert "__inputs" not in document
        ids = [panel["id"] for panel in document["panels"]]
        assert len(set(ids)) == len(ids)


def test_every_panel_says_what_it_shows(grafana: Path) -> None:
    for panel in panels(grafana):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["expr"] for target in panel["targets"])


def test_panels_do_not_overlap_and_fill_no_more_than_the_grid(grafana: Path) -> None:
    for name in BOARDS:
        cells: set[tuple[int, int]] = set()
        for panel in board(grafana, name)["panels"]:
            at = panel["gridPos"]
            own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not own & cells, f"{name}: {panel['title']} lies on another panel"
            assert max(x for x, _ in own) < 24, f"{name}: {panel['title']}"
            cells |= own


def test_every_data_source_that_a_board_names_exists(grafana: Path) -> None:
    document = yaml.safe_load((grafana / "datasources/estate.yml").read_text())
    known = {source["uid"] for source in document["datasources"]}
    assert known == {"prometheus", "loki", "alertmanager"}
    assert document["prune"] is True
    assert [s["uid"] for s in document["datasources"] if s["isDefault"]] == ["prometheus"]
    for name in BOARDS:
        used = set(re.findall(r'"uid": "([a-z]+)"', (grafana / f"boards/{name}.json").read_text()))
        assert used <= known


def test_the_grafana_of_the_lab_accepts_the_provisioning(grafana: Path) -> None:
    sources = provisioning.data_sources(grafana / "datasources", {})
    assert [source.uid for source in sources] == ["prometheus", "loki", "alertmanager"]
    provider = yaml.safe_load((grafana / "dashboards/estate.yml").read_text())["providers"][0]
    assert provider["options"]["path"] == "/etc/grafana/provisioning/boards"
    here = {"providers": [provider | {"options": {"path": str(grafana / "boards")}}]}
    (grafana / "here").mkdir(exist_ok=True)
    (grafana / "here/estate.yml").write_text(yaml.safe_dump(here))
    found = provisioning.dashboards(grafana / "here", {}, sources)
    assert found.faults == ()
    assert {dashboard.uid for dashboard in found.all} == {f"estate-{name}" for name in BOARDS}


@needs_promtool
def test_promtool_parses_every_query(grafana: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{n}", "expr": text} for n, text in enumerate(sorted(expressions(grafana, "prometheus")))
    ]
    assert len(rules) > 100
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run(PROMTOOL, "check", "rules", path)


@needs_promtool
def test_promtool_refuses_a_broken_query(tmp_path: Path) -> None:
    rules = [{"record": "panel:0", "expr": "sum(rate(up[5m])"}]
    path = tmp_path / "broken.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    with pytest.raises(AssertionError, match="parse error"):
        run(PROMTOOL, "check", "rules", path)


def test_every_log_query_is_logql(grafana: Path) -> None:
    queries = expressions(grafana, "loki")
    assert len(queries) == 5
    for text in queries:
        logql.parse(text)


def targets(stack: Stack, folder: Path) -> dict[str, str]:
    document = yaml.safe_load((write(stack, "prometheus", folder) / "prometheus.yml").read_text())
    return {job["job_name"]: job["static_configs"][0]["targets"][0] for job in document["scrape_configs"]}


def test_each_service_with_metrics_is_a_target_and_nothing_else_is(tmp_path: Path) -> None:
    stack = factories.stack()
    expected = {s.name: f"{stack.address(s)}:{s.metrics.port}" for s in stack.services if s.metrics}
    assert targets(stack, tmp_path) == expected
    assert expected["node-exporter"] == f"{stack.gateway}:9100"


def test_a_path_other_than_metrics_is_scraped_there(tmp_path: Path) -> None:
    stack = factories.stack("prometheus")
    [service] = stack.services
    moved = service.model_copy(update={"metrics": service.metrics.model_copy(update={"path": "/other"})})
    folder = write(stack.model_copy(update={"services": (moved,)}), "prometheus", tmp_path)
    [job] = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == "/other"


@pytest.mark.parametrize("name", names(*WATCHERS))
def test_a_service_that_is_taken_out_leaves_no_target_alert_or_row(name: str, tmp_path: Path) -> None:
    def traces(stack: Stack, folder: str) -> str:
        text = ""
        for watcher in WATCHERS:
            root = write(stack, watcher, tmp_path / folder / watcher)
            text += "".join(path.read_text() for path in sorted(root.rglob("*")) if path.is_file())
        return text

    word = re.compile(rf'(job_name: |service: "|job=\\+"|name=\\+"|"row": "){re.escape(name)}\b(?!-)')
    before, after = traces(factories.stack(), "with"), traces(factories.stack(*names(name)), "without")
    if factories.stack().service(name).image:
        assert word.search(before)
    assert not word.search(after)
    assert f'"title": "{name}: ' not in after


def test_nothing_depends_on_the_order_in_which_services_are_named(tmp_path: Path) -> None:
    one = write(factories.stack(*names()), "prometheus", tmp_path / "one")
    other = write(factories.stack(*reversed(names())), "prometheus", tmp_path / "other")
    for path in ("prometheus.yml", "rules/estate.yml"):
        assert (one / path).read_text() == (other / path).read_text()


def test_the_loki_of_the_lab_accepts_the_configuration(tmp_path: Path) -> None:
    text = (write(factories.stack(), "loki", tmp_path) / "config.yaml").read_text()
    parsed = loki_config.parse(text)
    assert parsed.port == factories.stack().service("loki").port
    assert parsed.retention == 720 * 3600
    document = yaml.safe_load(text)
    assert document["compactor"]["retention_enabled"] is True
    assert document["compactor"]["delete_request_store"] == "filesystem"
    assert document["analytics"]["reporting_enabled"] is False


def test_both_shippers_read_the_same_files_and_send_to_the_same_place(tmp_path: Path) -> None:
    stack = factories.stack("alloy", "loki", "promtail")
    alloy = (write(stack, "alloy", tmp_path / "alloy") / "config.alloy").read_text()
    promtail = yaml.safe_load((write(stack, "promtail", tmp_path / "promtail") / "config.yml").read_text())
    paths = {t["labels"]["__path__"] for job in promtail["scrape_configs"] for t in job["static_configs"]}
    assert paths == set(re.findall(r'"__path__" = "([^"]+)"', alloy))
    assert f'url = "{promtail["clients"][0]["url"]}"' in alloy
    assert promtail["clients"][0]["url"] == "http://loki:3100/loki/api/v1/push"
    assert promtail["positions"]["filename"].startswith(stack.service("promtail").data[0].target)
    assert "docker.sock" not in alloy
