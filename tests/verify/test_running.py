"""The running configuration: what each process says of itself, not what its file says."""

import pytest

from estate.verify.outside import visit


def _routes(node):
    return [(service, route, name) for service, route, name in node.stack.routes()]


@pytest.mark.with_service("prometheus")
def test_prometheus_scrapes_exactly_the_declared_targets_and_they_are_up(node, seen):
    active = seen.json("prometheus-targets")["data"]["activeTargets"]
    live = {target["labels"]["job"]: target["health"] for target in active}
    assert live == {service.name: "up" for service in node.stack.containers if service.metrics}


@pytest.mark.with_service("prometheus")
def test_prometheus_has_loaded_the_declared_configuration_and_rules(node, seen):
    loaded = seen.json("prometheus-config")["data"]["yaml"]
    for service in node.stack.containers:
        assert (f"job_name: {service.name}\n" in loaded) is bool(service.metrics), service.name
    assert sum(len(group["rules"]) for group in seen.json("prometheus-rules")["data"]["groups"]) > 0


@pytest.mark.with_service("alertmanager")
def test_alertmanager_has_loaded_the_telegram_receiver(node, seen):
    loaded = seen.json("alertmanager")["config"]["original"]
    assert "telegram_configs" in loaded
    assert "bot_token_file: /etc/alertmanager/telegram_token" in loaded


@pytest.mark.with_service("caddy")
def test_caddy_serves_exactly_the_declared_sites(node, seen):
    servers = seen.json("caddy")["apps"]["http"]["servers"].values()
    live = {
        name for s in servers for r in s.get("routes", []) for m in r.get("match", []) for name in m.get("host", [])
    }
    assert live == {name for _, _, name in _routes(node)}


@pytest.mark.with_service("caddy")
def test_every_site_answers_over_tls_with_a_certificate_we_trust(node, seen):
    for service, _, name in _routes(node):
        site = visit(f"https://{name}/", node.host.address, node.host.tls.ca_root)
        assert not site.error, f"{name}: {site.error}"
        assert site.status < 500, f"{name} answers {site.status}: is {service.name} there?"


@pytest.mark.with_service("caddy")
def test_plain_http_is_sent_to_https(node, seen):
    for _, _, name in _routes(node):
        site = visit(f"http://{name}/", node.host.address, None)
        assert site.status in (301, 308), f"{name}: {site}"
        assert site.location.startswith(f"https://{name}")


@pytest.mark.parametrize("database", ["postgres", "infisical-db"])
def test_postgres_refuses_a_login_without_the_password_and_stores_scram_hashes(node, seen, database):
    if node.stack is None or database not in node.stack:
        pytest.skip(f"no {database} here")
    assert "no password supplied" in seen.text(f"{database} no-password")
    assert "password authentication failed" in seen.text(f"{database} wrong-password")
    hashes = dict(line.split("|") for line in seen.lines(f"{database} hashes"))
    assert hashes, "no role can log in"
    assert set(hashes.values()) == {"t"}, "a stored password is not a scram hash"
    rules = [line.split("|") for line in seen.lines(f"{database} hba")]
    remote = [rule for rule in rules if rule[0].startswith("host") and rule[1] not in ("127.0.0.1", "::1")]
    assert remote
    assert {method for _, _, method in remote} == {"scram-sha-256"}


@pytest.mark.parametrize("queue", ["redis", "infisical-redis"])
def test_redis_refuses_an_unauthenticated_ping(node, seen, queue):
    if node.stack is None or queue not in node.stack:
        pytest.skip(f"no {queue} here")
    assert "NOAUTH" in seen.text(f"{queue} anonymous")


@pytest.mark.with_service("s3")
def test_the_object_store_refuses_a_request_without_a_key(node, seen):
    """Its health check lists with the key, so a healthy container proves the other half."""
    assert seen.lines("s3 anonymous") not in (["0"], [])


@pytest.mark.with_service("grafana", "prometheus", "loki")
def test_the_data_sources_of_grafana_answer(node, seen):
    assert {source["uid"] for source in seen.json("grafana-datasources")} >= {"prometheus", "loki"}
    for uid in ("prometheus", "loki"):
        assert seen.json(f"grafana-health {uid}")["status"].upper() == "OK", uid


@pytest.mark.with_service("grafana")
def test_grafana_has_every_declared_dashboard(node, seen):
    declared = [file for file in node.stack.service("grafana").config.files if file.path.startswith("boards/")]
    assert len(seen.json("grafana-dashboards")) == len(declared)


@pytest.mark.with_service("loki", "grafana")
def test_loki_holds_a_line_that_was_just_written(node, seen):
    status, line = seen.lines("loki-line")[0], seen.lines("loki-line")[1:]
    assert status in ("200", "204")
    assert line, "the line did not come back"


@pytest.mark.with_service("loki", "grafana", "alloy")
def test_the_logs_of_containers_arrive_in_loki(node, seen):
    assert seen.json("loki-shipped")["data"]["result"], "no line of any container within the last hour"


@pytest.mark.with_service("vaultwarden")
def test_no_stored_setting_of_vaultwarden_overrides_its_environment(node, seen):
    assert seen.lines("vaultwarden") == []


@pytest.mark.with_service("headscale")
def test_headscale_has_the_declared_users(node, seen):
    assert {user["name"] for user in seen.json("headscale")} >= set(node.host.headscale.users)
