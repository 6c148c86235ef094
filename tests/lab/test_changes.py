"""What a change does to the mainframe: the plan is what the run does, drift is repaired, the rest is left alone."""

import pytest
from estate_copy import FINGERPRINT, Checkout, on_host

pytestmark = pytest.mark.mainframe

LIMIT = ("--limit", "mainframe")


@pytest.fixture
def changed(tmp_path, mainframe):
    """A copy to change; whatever a test did, the lab is converged again afterwards."""
    yield Checkout.copy_to(tmp_path / "estate")
    again = mainframe.deploy(*LIMIT)
    assert again.code == 0, again.text


DRIFT = """
echo '# by hand' >>/opt/prodg/compose/loki/config.yaml
rm /etc/ssh/sshd_config.d/10-estate.conf
chmod 644 /opt/prodg/compose/.env
chown 0:0 /opt/prodg/data/redis
nft delete table inet estate
docker stop --time 1 cadvisor >/dev/null
docker rm -f node-exporter >/dev/null
sysctl -q -w net.ipv4.conf.all.send_redirects=1
systemctl disable --now unattended-upgrades 2>/dev/null
docker run -d --name stray --label com.docker.compose.project=prodg --label com.docker.compose.service=stray \
    --entrypoint sleep "$(docker inspect --format '{{.Config.Image}}' redis)" 600 >/dev/null
"""


def test_the_plan_of_drift_equals_the_run_and_the_run_repairs_it(mainframe):
    on_host("mainframe", DRIFT)
    before = on_host("mainframe", FINGERPRINT)
    plan = mainframe.dry_run(*LIMIT)
    assert on_host("mainframe", FINGERPRINT) == before, "a dry run changed the host"
    names = {(c["kind"], c["name"], c["action"]) for c in plan.changes}
    assert {
        ("file", "/opt/prodg/compose/loki/config.yaml", "update"),
        ("file", "/etc/ssh/sshd_config.d/10-estate.conf", "create"),
        ("file", "/opt/prodg/compose/.env", "update"),
        ("directory", "/opt/prodg/data/redis", "update"),
        ("handler", "nftables", "apply"),
        ("container", "cadvisor", "start"),
        ("container", "loki", "recreate"),
        ("handler", "sshd", "apply"),
        ("container", "node-exporter", "create"),
        ("container", "stray", "delete"),
        ("sysctl", "net.ipv4.conf.all.send_redirects", "update"),
        ("unit", "unattended-upgrades.service", "enable"),
    } <= names
    assert "-# by hand" in plan.text
    run = mainframe.deploy(*LIMIT)
    assert run.code == 0, run.text
    assert run.keys("run") == plan.keys("plan")
    assert mainframe.dry_run(*LIMIT).changes == []
    assert "stray" not in on_host("mainframe", "docker ps -a --format '{{.Names}}'")


def test_removing_a_service_removes_all_of_it_but_its_data(changed):
    changed.edit("group_data/mainframe.py", '    "grafana",\n', "")
    plan = changed.dry_run(*LIMIT)
    removal = next(c for c in plan.changes if c["name"] == "grafana")
    assert removal["action"] == "delete"
    assert "/opt/prodg/data" in removal["why"][0]
    run = changed.deploy(*LIMIT)
    assert run.code == 0, run.text
    assert run.keys("run") == plan.keys("plan")
    assert "grafana" not in on_host("mainframe", "docker ps -a --format '{{.Names}}'; ls /opt/prodg/compose").split()
    live = on_host("mainframe", "docker exec caddy wget -qO- http://127.0.0.1:2019/config/")
    assert "grafana.mainframe" not in live
    assert "vault.mainframe" in live
    targets = on_host("mainframe", "docker exec prometheus wget -qO- http://127.0.0.1:9090/api/v1/targets")
    assert '"job":"grafana"' not in targets
    assert on_host("mainframe", "ls -d /opt/prodg/data/grafana").strip() == "/opt/prodg/data/grafana"
    assert changed.dry_run(*LIMIT).changes == []


def test_a_changed_configuration_recreates_or_reloads_only_its_own_service(changed):
    created = "docker ps --format '{{.Names}} {{.CreatedAt}}' | sort"
    before = dict(line.split(" ", 1) for line in on_host("mainframe", created).splitlines())
    (changed.root / "templates/loki/config.yaml.j2").open("a").write("# another comment\n")
    changed.edit("templates/caddy/Caddyfile.j2", "encode zstd gzip", "encode gzip")
    plan = changed.dry_run(*LIMIT)
    containers = {(c["name"], c["action"]) for c in plan.changes if c["kind"] == "container"}
    assert containers == {("loki", "recreate")}
    assert next(c for c in plan.changes if c["name"] == "loki")["why"] == ["file loki/config.yaml"]
    assert {c["name"] for c in plan.changes if c["kind"] == "handler"} == {"prodg-caddy-config", "prodg-release"}
    run = changed.deploy(*LIMIT)
    assert run.code == 0, run.text
    after = dict(line.split(" ", 1) for line in on_host("mainframe", created).splitlines())
    assert {name for name in before if before[name] != after.get(name)} == {"loki"}
