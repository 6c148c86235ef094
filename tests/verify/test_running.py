"""The running configuration: what each process says of itself, not what its file says."""

import pytest
import yaml

from estate.verify.expected import (
    board_uids,
    configured_targets,
    data_sources,
    differences,
    health_path,
    rules,
    scrape_targets,
)
from estate.verify.outside import visit, visit_new


def _configured(node, service):
    return configured_targets(node.config_file(service, "prometheus.yml").decode())


@pytest.mark.with_service("hl-prometheus")
def test_the_homelabs_prometheus_scrapes_every_host_and_service_and_all_are_up(node, seen):
    active = seen.json("hl-prometheus-targets")["data"]["activeTargets"]
    live = {(t["labels"]["job"], t["labels"]["instance"]): t["health"] for t in active}
    assert live == dict.fromkeys(_configured(node, "hl-prometheus"), "up")


@pytest.mark.with_service("couchdb")
def test_couchdb_lets_its_one_user_into_the_vault_and_nobody_else(node, seen):
    assert seen.lines("couchdb-user") == ["0"]
    assert seen.lines("couchdb-wrong") not in (["0"], [])


@pytest.mark.with_service("prometheus")
def test_prometheus_scrapes_exactly_the_declared_targets_and_they_are_up(node, seen):
    active = seen.json("prometheus-targets")["data"]["activeTargets"]
    live = {target["labels"]["job"]: (target["scrapeUrl"], target["health"]) for target in active}
    federated = {job for (job, _), path in _configured(node, "prometheus").items() if path == "/federate"}
    assert {job for job in federated if live.pop(job)[1] != "up"} == set()
    assert live == {job: (url, "up") for job, url in scrape_targets(node.stack).items()}
    assert len(active) == len(live) + len(federated), "a job has several targets"


@pytest.mark.with_service("prometheus")
def test_prometheus_has_loaded_the_declared_configuration_and_rules(node, seen):
    declared = yaml.safe_load(node.config_file("prometheus", "prometheus.yml"))
    # the loaded one has absolute names; what it loaded from them follows
    del declared["rule_files"]
    live = yaml.safe_load(seen.json("prometheus-config")["data"]["yaml"])
    assert differences(declared, live) == []
    groups = seen.json("prometheus-rules")["data"]["groups"]
    assert {g["name"]: [r["name"] for r in g["rules"]] for g in groups} == rules(
        node.config_file("prometheus", "rules/estate.yml").decode()
    )


@pytest.mark.with_service("alertmanager")
def test_alertmanager_has_loaded_the_declared_configuration(node, seen):
    declared = yaml.safe_load(node.config_file("alertmanager", "alertmanager.yml"))
    for receiver in declared["receivers"]:
        for telegram in receiver["telegram_configs"]:
            # a secret of the host's: here is a placeholder
            del telegram["chat_id"]
    assert differences(declared, yaml.safe_load(seen.json("alertmanager")["config"]["original"])) == []


@pytest.mark.with_service("caddy")
def test_caddy_serves_exactly_the_declared_sites(node, seen):
    servers = seen.json("caddy")["apps"]["http"]["servers"].values()
    live = {
        name for s in servers for r in s.get("routes", []) for m in r.get("match", []) for name in m.get("host", [])
    }
    assert live == {name for _, _, name in node.stack.routes()}


def test_every_site_answers_over_tls_with_a_certificate_we_trust(node, site):
    service, _, name = site
    answer = visit_new(f"https://{name}/", node.host.address, node.host.tls.ca_root)
    assert not answer.error, f"{name}: {answer.error}"
    assert answer.status < 500, f"{name} answers {answer.status}: is {service.name} there?"


def test_every_site_leads_to_its_own_service(node, site_with_health):
    """The path of the service's own health check, from outside."""
    service, _, name = site_with_health
    url = f"https://{name}{health_path(service)}"
    answer = visit_new(url, node.host.address, node.host.tls.ca_root)
    assert (answer.error, answer.status) == ("", 200), url


def test_plain_http_is_sent_to_https(node, site):
    name = site[2]
    answer = visit(f"http://{name}/", node.host.address, None)
    assert (answer.error, answer.status in (301, 308)) == ("", True), f"{name} answers {answer.status}"
    assert answer.location.startswith(f"https://{name}")


@pytest.mark.with_service("docs", "caddy")
def test_the_generated_page_of_the_docs_is_served(node):
    name = next(name for service, _, name in node.stack.routes() if service.name == "docs")
    answer = visit(f"https://{name}/estate", node.host.address, node.host.tls.ca_root)
    assert (answer.error, answer.status) == ("", 200)
    declared = node.file(f"{node.stack.settings.root}/docs/public/estate.html").decode()
    assert answer.text == declared, "another page than the declared one"


def test_postgres_refuses_a_login_without_the_password_and_stores_scram_hashes(node, seen, database):
    assert "no password supplied" in seen.text(f"{database.name} no-password")
    assert "password authentication failed" in seen.text(f"{database.name} wrong-password")
    hashes = dict(line.split("|") for line in seen.lines(f"{database.name} hashes"))
    assert hashes, "no role can log in"
    assert set(hashes.values()) == {"t"}, "a stored password is not a scram hash"
    hba = [line.split("|") for line in seen.lines(f"{database.name} hba")]
    remote = [rule for rule in hba if rule[0].startswith("host") and rule[1] not in ("127.0.0.1", "::1")]
    assert remote
    assert {method for _, _, method in remote} == {"scram-sha-256"}


def test_redis_refuses_an_unauthenticated_ping(node, seen, queue):
    assert "NOAUTH" in seen.text(f"{queue.name} anonymous")


@pytest.mark.with_service("s3")
def test_the_object_store_refuses_a_request_without_a_key_and_lists_with_one(node, seen):
    assert seen.lines("s3 anonymous"), "an anonymous request was not refused"
    assert seen.lines("s3 signed") == ["0"]


@pytest.mark.with_service("grafana", "prometheus", "loki")
def test_the_data_sources_of_grafana_answer(node, seen):
    live = {source["uid"]: source["url"] for source in seen.json("grafana-datasources")}
    assert live == data_sources(node.config_file("grafana", "datasources/estate.yml").decode())
    for uid in ("prometheus", "loki"):
        assert seen.json(f"grafana-health {uid}")["status"].upper() == "OK", uid


@pytest.mark.with_service("grafana")
def test_grafana_has_every_declared_dashboard(node, seen):
    files = [file.path for file in node.stack.service("grafana").config.files if file.path.startswith("boards/")]
    assert {board["uid"] for board in seen.json("grafana-dashboards")} == board_uids(
        node.config_file("grafana", path) for path in files
    )


@pytest.mark.with_service("loki", "grafana")
def test_loki_holds_a_line_that_was_just_written(node, seen):
    status, *line = seen.lines("loki-line") or ["nothing"]
    assert status in ("200", "204")
    assert line, "the line did not come back"


@pytest.mark.with_service("loki", "grafana", "alloy")
def test_the_logs_of_containers_arrive_in_loki(node, seen):
    assert seen.lines("loki-shipped"), "no line of any container within the last ten minutes"


@pytest.mark.with_service("vaultwarden")
def test_no_stored_setting_of_vaultwarden_overrides_its_environment(node, seen):
    assert seen.lines("vaultwarden") == []


@pytest.mark.with_service("headscale")
def test_headscale_has_the_declared_users(node, seen):
    assert {user["name"] for user in seen.json("headscale")} >= set(node.host.headscale.users)
