"""Releases: what a deploy leaves is kept, and what fails goes back to it, with its files, secrets and data."""

import os
import signal
import subprocess
import time

import pytest
from estate_copy import BIN, Checkout, assert_converges, on_host, sealed_copy, second_tag
from hammer import Hammer

pytestmark = pytest.mark.mainframe

RELEASES = "/var/lib/estate/releases/prodg"
LIMIT = ("--limit", "mainframe")
CADVISOR = 'health=Health.wget(8085, "/healthz", start_period=30)'
NEVER = (
    'health=Health.shell("echo the probe said no; exit 1", start_period=1).model_copy('
    'update={"interval": 1, "retries": 2})'
)
FILES = """
find /opt/prodg/compose /opt/prodg/secrets -path /opt/prodg/secrets/backup -prune -o ! -name .env.infisical \\( \\
    -type f -printf '%p %m %U:%G ' -exec sha256sum {} \\; \\) \\
    -o \\( -type d -printf '%p %m %U:%G\\n' \\) | sort
"""
"""The stack's files; what is left out belongs to other tasks."""
DATA = "stat -c '%n %i %u:%g %a' /opt/prodg/data/* | sort"
CREATED = "docker inspect --format '{{{{.Id}}}}' {}"
RUNNING = "docker ps --format '{{.Names}} {{.Image}} {{.Status}}' | sed 's/Up [^(]*//' | sort"


@pytest.fixture
def changed(tmp_path, mainframe):
    """A copy to change; whatever a test did, the lab is converged again afterwards."""
    yield Checkout.copy_to(tmp_path / "estate")
    assert_converges(*LIMIT)
    assert on_host("mainframe", "docker ps -a --format '{{.Names}}' | grep -c -e -next$ || :").strip() == "0"


def releases():
    return on_host("mainframe", f"ls -1 {RELEASES}").split()


def wait_until(done, seconds):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(1)


def returned(run, release):
    """Assert that the run failed and went back."""
    assert run.code != 0, run.text
    assert f"estate:returned {release}" in run.text, run.text


def test_a_change_makes_a_release_a_second_run_makes_none_and_five_are_kept(changed):
    before = releases()
    assert before, "the first deploy keeps a release"
    (changed.root / "templates/loki/config.yaml.j2").open("a").write("# a release\n")
    run = changed.deploy(*LIMIT)
    assert run.code == 0, run.text
    after = releases()
    assert after[-1] > before[-1]
    kept = f"{RELEASES}/{after[-1]}/files"
    copies = on_host("mainframe", FILES.replace("/opt/", f"{kept}/opt/"))
    assert copies.replace(kept, "") == on_host("mainframe", FILES)
    assert on_host("mainframe", f"stat -c %a:%U {RELEASES} {RELEASES}/{after[-1]}").split() == ["700:root"] * 2
    again = changed.deploy(*LIMIT)
    assert again.code == 0, again.text
    assert again.changes == []
    assert releases() == after
    # Of many, five are kept
    on_host("mainframe", f"for n in 1 2 3 4 5 6; do mkdir {RELEASES}/2020010${{n}}T000000Z; done")
    (changed.root / "templates/loki/config.yaml.j2").open("a").write("# one of many\n")
    run = changed.deploy(*LIMIT)
    assert run.code == 0, run.text
    assert len(releases()) == 5


def test_a_service_that_does_not_become_healthy_brings_the_old_one_back(changed):
    last, files, running, data = releases()[-1], *(on_host("mainframe", s) for s in (FILES, RUNNING, DATA))
    changed.edit("estate/services/cadvisor.py", CADVISOR, NEVER)
    (changed.root / "templates/loki/config.yaml.j2").open("a").write("# of a run that fails\n")
    changed.edit("group_data/mainframe.py", '    "node-exporter",\n', "")
    run = changed.deploy(*LIMIT)
    returned(run, last)
    assert "service cadvisor: running unhealthy" in run.text
    assert "the probe said no" in run.text
    assert "last log lines of cadvisor" in run.text
    assert on_host("mainframe", FILES) == files
    assert on_host("mainframe", RUNNING) == running
    assert on_host("mainframe", DATA) == data
    assert releases()[-1] == last
    logs = on_host("mainframe", "cd /var/lib/estate/failed/prodg && stat -c '%a %n' . */cadvisor.log").split()
    assert logs[:2] == ["700", "."]
    assert logs[-2] == "600"
    pending = {(c["kind"], c["name"], c["action"]) for c in changed.dry_run(*LIMIT).changes}
    assert {
        ("container", "cadvisor", "recreate"),
        ("container", "loki", "recreate"),
        ("container", "node-exporter", "delete"),
        ("file", "/opt/prodg/compose/docker-compose.yml", "update"),
        ("handler", "prodg-release", "apply"),
    } <= pending


def test_a_new_service_that_fails_is_removed_with_its_files(changed):
    changed.edit("group_data/mainframe.py", '    "alloy",\n', "")
    without = changed.deploy(*LIMIT)
    assert without.code == 0, without.text
    last, files = releases()[-1], on_host("mainframe", FILES)
    assert "/compose/alloy" not in files
    changed.edit("group_data/mainframe.py", '    "loki",\n', '    "loki",\n    "alloy",\n')
    changed.edit("estate/services/alloy.py", 'name="alloy",', 'name="alloy", entrypoint=("/no-such-program",),')
    run = changed.deploy(*LIMIT)
    returned(run, last)
    assert "service alloy: created" in run.text
    assert on_host("mainframe", FILES) == files
    assert "alloy" not in on_host("mainframe", "docker ps -a --format '{{.Names}}'").split()


def test_it_goes_back_without_the_controller(changed):
    files, running = on_host("mainframe", FILES), on_host("mainframe", RUNNING)
    before = on_host("mainframe", CREATED.format("cadvisor"))
    changed.edit("estate/services/cadvisor.py", CADVISOR, NEVER.replace('"retries": 2', '"retries": 9'))
    argv = [str(BIN / "pyinfra"), "inventories/lab.py", "deploy.py", "-y", *LIMIT]
    environment = os.environ | {"PYTHONPATH": str(changed.root), "PYINFRA_PROGRESS": "off"}
    controller = subprocess.Popen(
        argv, cwd=changed.root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: on_host("mainframe", CREATED.format("cadvisor"), check=False) not in ("", before), 90)
    finally:
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
    assert on_host("mainframe", FILES) != files
    wait_until(lambda: on_host("mainframe", RUNNING) == running, 120)
    wait_until(lambda: on_host("mainframe", FILES) == files, 30)


def test_a_reload_that_fails_goes_back_and_is_pending(changed):
    last, files = releases()[-1], on_host("mainframe", FILES)
    changed.edit("templates/caddy/Caddyfile.j2", "encode zstd gzip", "encode no-such-encoding")
    run = changed.deploy(*LIMIT)
    returned(run, last)
    assert on_host("mainframe", FILES) == files
    assert {c["name"] for c in changed.dry_run(*LIMIT).changes if c["kind"] == "handler"} == {
        "prodg-caddy-config",
        "prodg-release",
    }
    live = on_host("mainframe", "docker exec caddy wget -qO- http://127.0.0.1:2019/config/")
    assert "vault.mainframe" in live, "what was in force serves"


PROVE = """docker exec -i postgres sh -c 'PGPASSWORD="$(cat)" psql -wqtX -h 127.0.0.1 -U "$POSTGRES_USER" \\
    -d "$POSTGRES_DB" -c "select 1"' <<'EOF-VALUE' >/dev/null 2>&1 && echo yes || echo no
"""


def lets_in(password):
    return on_host("mainframe", f"{PROVE}{password}\nEOF-VALUE\n").strip() == "yes"


def test_a_changed_password_is_changed_back(changed):
    last, files, old = releases()[-1], on_host("mainframe", FILES), sealed_copy().values()["POSTGRES_PASSWORD"]
    new = "a-password-of-a-run-that-fails-0123456789"
    changed.with_secret("POSTGRES_PASSWORD", new)
    changed.edit("estate/services/cadvisor.py", CADVISOR, NEVER)
    run = changed.deploy(*LIMIT, "--data", "secrets=sealed")
    returned(run, last)
    assert lets_in(old)
    assert not lets_in(new)
    assert on_host("mainframe", FILES) == files
    assert new not in run.text
    handlers = {
        c["name"] for c in changed.dry_run(*LIMIT, "--data", "secrets=sealed").changes if c["kind"] == "handler"
    }
    assert "prodg-postgres-credential" in handlers


# The database itself is another file each time: its log is merged into it when the server stops
VAULT = """
cd /opt/prodg/data/vaultwarden
ls
stat -c '%n %U %a' . db.sqlite3 marker
cat marker
head -c 15 db.sqlite3
"""


@pytest.fixture
def marked():
    """A file of this test's among the data."""
    on_host("mainframe", "cd /opt/prodg/data/vaultwarden && echo precious >marker && chown 1000:1000 marker")
    yield
    on_host("mainframe", "rm -f /opt/prodg/data/vaultwarden/marker")


def test_data_that_a_new_version_rewrote_come_back(changed, marked):
    last, data, running = releases()[-1], on_host("mainframe", VAULT), on_host("mainframe", RUNNING)
    grafana = on_host("mainframe", "stat -c %i /opt/prodg/data/grafana")
    image = second_tag("vaultwarden", "9.9.9-releases")
    changed.edit("group_data/mainframe.py", "images: dict[str, str] = {}", f'images = {{"vaultwarden": "{image}"}}')
    ruin = 'entrypoint=("sh", "-c", "echo ruined | tee /data/db.sqlite3 /data/marker >/data/migrated; exit 3"),'
    changed.edit("estate/services/vaultwarden.py", 'name="vaultwarden",', f'name="vaultwarden",\n    {ruin}')
    run = changed.deploy(*LIMIT)
    returned(run, last)
    assert on_host("mainframe", VAULT) == data
    assert on_host("mainframe", RUNNING) == running
    assert on_host("mainframe", "stat -c %i /opt/prodg/data/grafana") == grafana
    kept = on_host("mainframe", "cd /var/lib/estate/snapshots/prodg && ls -d */* && ls -a && stat -c %a . *Z").split()
    assert any(name.endswith("Z/vaultwarden") for name in kept)
    assert "pending" not in kept
    assert set(kept[-2:]) == {"700"}


def test_another_image_that_works_keeps_its_data_and_is_a_release(changed, marked):
    data = on_host("mainframe", VAULT)
    image = second_tag("vaultwarden", "9.9.9-releases")
    changed.edit("group_data/mainframe.py", "images: dict[str, str] = {}", f'images = {{"vaultwarden": "{image}"}}')
    run = changed.deploy(*LIMIT)
    assert run.code == 0, run.text
    assert on_host("mainframe", VAULT) == data
    assert on_host("mainframe", "ls -A /var/lib/estate/snapshots/prodg | grep -v Z || :") == ""


def test_no_request_fails_while_a_rolling_service_is_recreated(changed):
    created = "docker inspect --format '{{.Id}}' hermes-api"
    before = on_host("mainframe", created)
    changed.edit(
        "estate/services/hermes_api.py",
        'limits=Limits(cpus=2.0, memory="512m"',
        'limits=Limits(cpus=1.5, memory="500m"',
    )
    hammers = [Hammer("api.mainframe.prodg.studio", "/health") for _ in range(2)]
    for hammer in hammers:
        hammer.start()
    try:
        run = changed.deploy(*LIMIT)
    finally:
        for hammer in hammers:
            hammer.done.set()
            hammer.join()
    assert run.code == 0, run.text
    assert on_host("mainframe", created) != before
    for hammer in hammers:
        assert hammer.asked > 100
        assert hammer.failed == [], (len(hammer.failed), hammer.asked, hammer.slowest)


def test_a_rolling_service_whose_second_container_fails_is_never_touched(changed):
    created = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' hermes-api"
    before, last = on_host("mainframe", created), releases()[-1]
    changed.edit("estate/services/hermes_api.py", 'name="hermes-api",', 'name="hermes-api", entrypoint=("false",),')
    run = changed.deploy(*LIMIT)
    returned(run, last)
    assert "service hermes-api: exited" in run.text
    assert on_host("mainframe", created) == before


def test_what_a_cut_off_run_left_of_a_rolling_service_is_removed(mainframe, changed):
    on_host(
        "mainframe",
        "cd /opt/prodg/compose && docker compose run --detach --no-deps --use-aliases --no-TTY "
        "--label estate.next=true --name hermes-api-next hermes-api </dev/null >/dev/null 2>&1",
    )
    plan = mainframe.dry_run(*LIMIT)
    assert {(c["name"], c["action"]) for c in plan.changes} == {("hermes-api-next", "delete")}
