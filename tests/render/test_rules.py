"""The alert rules: promtool accepts them, and each fires when it should and not otherwise."""

import json
import re
from pathlib import Path
from typing import Any

import factories
import pytest
import yaml

from estate.models.stack import Stack

from .rendered import AMTOOL, PROMTOOL, needs_promtool, run, write
from .rule_cases import cases, promtool_tests


def watching_systemd() -> Stack:
    """Everything of the catalog, with a node exporter that watches systemd too."""
    full = factories.stack()
    services = tuple(
        service.model_copy(update={"command": (*service.command, "--collector.systemd")})
        if service.name == "node-exporter"
        else service
        for service in full.services
    )
    return full.model_copy(update={"services": services})


STACKS = {
    "full": watching_systemd(),
    "promtail": factories.stack("caddy", "cadvisor", "loki", "node-exporter", "prometheus", "promtail"),
    "alone": factories.stack("prometheus"),
}


def rules(folder: Path) -> list[dict[str, Any]]:
    """The rendered alert rules."""
    document = yaml.safe_load((folder / "rules/estate.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.fixture(params=STACKS, scope="module")
def stack(request: pytest.FixtureRequest) -> Stack:
    return STACKS[request.param]


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(stack, "prometheus", tmp_path_factory.mktemp("prometheus"))


@needs_promtool
def test_promtool_accepts_the_configuration_and_its_rules(prometheus: Path) -> None:
    run(PROMTOOL, "check", "config", "--lint-fatal", prometheus / "prometheus.yml")
    run(PROMTOOL, "check", "rules", "--lint-fatal", prometheus / "rules/estate.yml")


@needs_promtool
def test_every_alert_fires_when_it_should_and_stays_quiet_otherwise(stack: Stack, prometheus: Path) -> None:
    # a group at a time: promtool evaluates all rules of its files in every minute of every case
    every = cases(stack)
    for number, group in enumerate(yaml.safe_load((prometheus / "rules/estate.yml").read_text())["groups"]):
        rule_file, path = prometheus / f"group{number}.yml", prometheus / f"group{number}_test.yml"
        rule_file.write_text(yaml.safe_dump({"groups": [group]}, sort_keys=False))
        alerts = {rule["alert"] for rule in group["rules"]}
        tests = promtool_tests([case for case in every if case.alert in alerts])
        # nothing of the backups is a matter of minutes
        interval = "5m" if group["name"] == "backups" else "1m"
        document = {"rule_files": [rule_file.name], "evaluation_interval": interval, "tests": tests}
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        run(PROMTOOL, "test", "rules", path)


@needs_promtool
def test_a_case_that_expects_the_wrong_thing_fails(stack: Stack, prometheus: Path) -> None:
    wrong = promtool_tests(cases(stack)[:1])[0]
    wrong["promql_expr_test"][0]["exp_samples"] = []
    document = {"rule_files": ["rules/estate.yml"], "evaluation_interval": "1m", "tests": [wrong]}
    path = prometheus / "wrong_test.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(AssertionError, match="FAILED"):
        run(PROMTOOL, "test", "rules", path)


def test_every_alert_has_a_case_that_fires_and_one_that_does_not(stack: Stack, prometheus: Path) -> None:
    def outcomes(fires: bool) -> set[tuple[str, str]]:
        return {(case.alert, case.severity) for case in cases(stack) if case.fires is fires}

    rendered = {(rule["alert"], rule["labels"]["severity"]) for rule in rules(prometheus)}
    assert rendered == outcomes(True) == outcomes(False)


def test_every_alert_says_what_is_wrong_and_what_to_do(prometheus: Path) -> None:
    for rule in rules(prometheus):
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["labels"]["service"], rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]
        assert rule["annotations"]["action"].endswith("."), rule["alert"]


@needs_promtool
def test_the_words_of_an_alert_are_filled_in(tmp_path: Path) -> None:
    write(STACKS["full"], "prometheus", tmp_path)
    labels = {"job": "cadvisor", "id": "/docker/1", "name": "redis", "severity": "warning", "service": "redis"}
    started = 'container_start_time_seconds{job="cadvisor",id="/docker/1",name="redis"}'
    expected = {
        "exp_labels": labels,
        "exp_annotations": {
            "summary": "redis started 3 times again within 15 minutes",
            "action": "docker logs --tail 100 redis; docker inspect -f '{{json .State}}' redis.",
        },
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": started, "values": "100x20 200x2 300x2 400x30"}],
        "alert_rule_test": [{"eval_time": "30m", "alertname": "ContainerRestarting", "exp_alerts": [expected]}],
    }
    path = tmp_path / "words_test.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules/estate.yml"], "evaluation_interval": "1m", "tests": [test]}))
    run(PROMTOOL, "test", "rules", path)


def amtool_version() -> tuple[int, ...]:
    """amtool's version, or nothing when it is not installed."""
    if AMTOOL is None:
        return ()
    found = re.search(r"version (\d+)\.(\d+)", run(AMTOOL, "--version"))
    return tuple(int(part) for part in found.groups()) if found else ()


@pytest.mark.skipif(amtool_version() < (0, 26), reason="no amtool that knows bot_token_file (0.26 or later)")
def test_amtool_accepts_the_configuration(tmp_path: Path) -> None:
    run(AMTOOL, "check-config", write(STACKS["full"], "alertmanager", tmp_path) / "alertmanager.yml")


@pytest.mark.skipif(not amtool_version(), reason="amtool is not installed (Debian: prometheus-alertmanager)")
def test_the_message_reads_well_on_a_phone(tmp_path: Path) -> None:
    config = yaml.safe_load((write(STACKS["full"], "alertmanager", tmp_path) / "alertmanager.yml").read_text())
    telegram = config["receivers"][0]["telegram_configs"][0]
    empty = tmp_path / "empty.tmpl"
    empty.write_text('{{ define "unused" }}{{ end }}')
    alert = {
        "labels": {"alertname": "HostDiskFull", "severity": "critical", "service": "host"},
        "annotations": {
            "summary": "/srv is 97 % full <i>& more</i> " + "x" * 999,
            "action": "df -h; du -x / | tail. " * 99,
        },
        "startsAt": "2026-01-02T03:04:05Z",
    }
    data = {
        "status": "firing",
        "groupLabels": {"host": "mainframe", "service": "host"},
        "alerts": [alert | {"status": "firing"}] * 9 + [alert | {"status": "resolved"}] * 9,
    }
    (tmp_path / "data.json").write_text(json.dumps(data))
    text = run(
        AMTOOL,
        "template",
        "render",
        "--template.type=html",
        f"--template.glob={empty}",
        f"--template.data={tmp_path / 'data.json'}",
        f"--template.text={telegram['message']}",
    )
    assert text.lstrip().startswith("<b>mainframe · host</b>")
    assert "🔴 <b>HostDiskFull</b>\n/srv is 97 % full &lt;i&gt;&amp; more" in text
    assert "<i>since 2 Jan 03:04 UTC</i>" in text
    assert "9 in all" in text
    assert "🟢 <b>HostDiskFull</b> is over" in text
    assert "<" not in re.sub(r"<(b|i|code)>(.*?)</\1>", "", text, flags=re.DOTALL)
    assert len(text) < 4096, "Telegram's limit; cut text would be refused"


def test_the_chat_is_an_integer_and_the_token_a_file(tmp_path: Path) -> None:
    folder = write(STACKS["full"], "alertmanager", tmp_path)
    config = yaml.safe_load((folder / "alertmanager.yml").read_text())
    assert config["receivers"][0]["telegram_configs"][0]["chat_id"] == -1001234567890
    assert config["receivers"][0]["telegram_configs"][0]["bot_token_file"] == "/run/secrets/telegram-token"
    assert "lab-token" not in (folder / "alertmanager.yml").read_text()


def test_a_critical_alert_silences_only_warnings_about_the_same_thing(tmp_path: Path) -> None:
    config = yaml.safe_load((write(STACKS["full"], "alertmanager", tmp_path) / "alertmanager.yml").read_text())
    [rule] = config["inhibit_rules"]
    assert rule["source_matchers"] == ['severity="critical"']
    assert rule["target_matchers"] == ['severity="warning"']
    assert "service" in rule["equal"]
