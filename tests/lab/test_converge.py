"""The main promise: converge, then nothing is left to do; the plan is what the run does; drift is repaired."""

import pytest
from estate_copy import FINGERPRINT, REPO, Checkout, on_host

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def estate():
    checkout = Checkout()
    first = checkout.deploy()
    assert first.code == 0, first.text
    return checkout


@pytest.fixture
def changed(tmp_path, estate):
    """A copy to change; whatever a test did, the lab is converged again afterwards."""
    yield Checkout.copy_to(tmp_path / "estate")
    again = estate.deploy()
    assert again.code == 0, again.text


def test_a_second_run_changes_nothing_on_any_host(estate):
    run = estate.deploy()
    assert run.code == 0, run.text
    assert run.changes == []


def test_a_plan_of_the_converged_estate_is_empty(estate):
    run = estate.dry_run()
    assert run.code == 0, run.text
    assert run.changes == []


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


def test_the_plan_of_drift_equals_the_run_and_the_run_repairs_it(estate):
    on_host("mainframe", DRIFT)
    before = on_host("mainframe", FINGERPRINT)
    plan = estate.dry_run()
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
    run = estate.deploy()
    assert run.code == 0, run.text
    assert run.keys("run") == plan.keys("plan")
    assert estate.dry_run().changes == []
    assert "stray" not in on_host("mainframe", "docker ps -a --format '{{.Names}}'")


def test_removing_a_service_removes_all_of_it_but_its_data(changed):
    changed.edit("group_data/mainframe.py", '    "grafana",\n', "")
    plan = changed.dry_run()
    removal = next(c for c in plan.changes if c["name"] == "grafana")
    assert removal["action"] == "delete"
    assert "/opt/prodg/data" in removal["why"][0]
    run = changed.deploy()
    assert run.code == 0, run.text
    assert run.keys("run") == plan.keys("plan")
    assert "grafana" not in on_host("mainframe", "docker ps -a --format '{{.Names}}'; ls /opt/prodg/compose").split()
    live = on_host("mainframe", "docker exec caddy wget -qO- http://127.0.0.1:2019/config/")
    assert "grafana.mainframe" not in live
    assert "vault.mainframe" in live
    targets = on_host("mainframe", "docker exec prometheus wget -qO- http://127.0.0.1:9090/api/v1/targets")
    assert '"job":"grafana"' not in targets
    assert on_host("mainframe", "ls -d /opt/prodg/data/grafana").strip() == "/opt/prodg/data/grafana"
    assert changed.dry_run().changes == []


def test_a_changed_configuration_recreates_or_reloads_only_its_own_service(changed):
    created = "docker ps --format '{{.Names}} {{.CreatedAt}}' | sort"
    before = dict(line.split(" ", 1) for line in on_host("mainframe", created).splitlines())
    (changed.root / "templates/loki/config.yaml.j2").open("a").write("# another comment\n")
    changed.edit("templates/caddy/Caddyfile.j2", "encode zstd gzip", "encode gzip")
    plan = changed.dry_run()
    containers = {(c["name"], c["action"]) for c in plan.changes if c["kind"] == "container"}
    assert containers == {("loki", "recreate")}
    assert next(c for c in plan.changes if c["name"] == "loki")["why"] == ["file loki/config.yaml"]
    assert {c["name"] for c in plan.changes if c["kind"] == "handler"} == {"prodg-caddy-config", "prodg-release"}
    run = changed.deploy()
    assert run.code == 0, run.text
    after = dict(line.split(" ", 1) for line in on_host("mainframe", created).splitlines())
    assert {name for name in before if before[name] != after.get(name)} == {"loki"}


def test_a_service_that_does_not_become_healthy_fails_the_run_by_name(changed):
    changed.edit(
        "estate/services/cadvisor.py",
        'health=Health.wget(8085, "/healthz", start_period=30)',
        'health=Health.shell("echo the probe said no; exit 1", start_period=1).model_copy('
        'update={"interval": 1, "retries": 2})',
    )
    run = changed.deploy("--limit", "mainframe")
    assert run.code != 0
    assert "service cadvisor: running unhealthy" in run.text
    assert "the probe said no" in run.text
    assert "last log lines of cadvisor" in run.text


def test_a_reload_that_failed_is_still_pending_and_the_old_configuration_serves(changed):
    changed.edit("templates/caddy/Caddyfile.j2", "encode zstd gzip", "encode no-such-encoding")
    run = changed.deploy("--limit", "mainframe")
    assert run.code != 0
    pending = changed.dry_run("--limit", "mainframe")
    assert {(c["kind"], c["name"]) for c in pending.changes} >= {("handler", "prodg-caddy-config")}
    live = on_host("mainframe", "docker exec caddy wget -qO- http://127.0.0.1:2019/config/")
    assert "vault.mainframe" in live


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            "group_data/mainframe.py",
            "images: dict[str, str] = {}",
            'images = {"grafana": "docker.io/grafana/grafana:0.0.1"}',
            "mainframe/images/docker.io/grafana/grafana:0.0.1: cannot be resolved",
        ),
        (
            "estate/services/hermes_api.py",
            "        *_POSTGRES.secrets,",
            '        SecretSpec(name="NEW_API_KEY", kind=SecretKind.HEX, purpose="x"),\n        *_POSTGRES.secrets,',
            "secrets/NEW_API_KEY: missing (used by hermes-api)",
        ),
        (
            "group_data/mainframe.py",
            '"grafana",\n',
            '"grafna",\n',
            "group_data/mainframe/services/grafna: no such service; did you mean grafana?",
        ),
    ],
    ids=["image", "secret", "declaration"],
)
def test_a_fault_ends_the_run_before_any_host_is_changed(changed, path, old, new, expected):
    changed.edit(path, old, new)
    before = on_host("mainframe", FINGERPRINT)
    run = changed.deploy()
    assert run.code != 0
    assert expected in run.text
    assert "Traceback" not in run.text
    assert run.changes == []
    assert on_host("mainframe", FINGERPRINT) == before


def test_the_lab_is_this_checkout(estate):
    assert estate.root == REPO
