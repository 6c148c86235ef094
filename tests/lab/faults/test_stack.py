"""The compose project under fault: images, registry, engine, containers, files, ports."""

import time

import pytest
from estate_copy import Checkout, inside, on_host
from scenes import finish, lock_of

from estate.exit_codes import ExitCode

pytestmark = pytest.mark.mainframe

MAINFRAME = ("--limit", "mainframe")


def copy_with(tmp_path, *edits):
    copy = Checkout.copy_to(tmp_path / "estate")
    for edit in edits:
        copy.edit(*edit)
    return copy


def containers(name="mainframe"):
    return on_host(name, "docker ps --format '{{.Names}} {{.CreatedAt}}' | sort")


@pytest.mark.fault(
    "image missing", sees="which image cannot be resolved where, before any change", codes=[3], hosts="mainframe"
)
def test_a_missing_image_is_refused_before_any_change(tmp_path):
    before = containers()
    copy = copy_with(tmp_path, ("estate/services/hermes_api.py", "hermes-api:v0.7.1", "hermes-api:v9.9.9"))
    run = copy.deploy(*MAINFRAME)
    assert run.code == ExitCode.REFUSED, run.text
    assert "hermes-api:v9.9.9: cannot be resolved" in run.text
    assert containers() == before


@pytest.mark.fault(
    "registry down", sees="that the image cannot be resolved, before any change", codes=[3], hosts="mainframe"
)
def test_a_registry_that_is_down_is_named(tmp_path):
    import subprocess

    copy = copy_with(tmp_path, ("estate/services/hermes_api.py", "hermes-api:v0.7.1", "hermes-api:v9.9.9"))
    subprocess.run(["docker", "pause", "estate-lab-registry"], check=True, capture_output=True)
    try:
        run = copy.deploy(*MAINFRAME)
        assert run.code == ExitCode.REFUSED, run.text
        assert "cannot be resolved" in run.text
        # What is there already needs no registry
        assert Checkout().deploy(*MAINFRAME).code == 0
    finally:
        subprocess.run(["docker", "unpause", "estate-lab-registry"], check=True, capture_output=True)


@pytest.mark.fault(
    "DNS gone on the host",
    sees="nothing while no image is needed; else that it cannot be resolved",
    codes=[0, 3],
    hosts="mainframe",
)
def test_without_dns_what_is_there_still_converges(tmp_path):
    inside(
        "mainframe",
        "cp /etc/resolv.conf /root/resolv.conf; echo nameserver 10.99.0.254 >/etc/resolv.conf;"
        "cp /etc/hosts /root/hosts; grep -v mirror.lab /root/hosts >/etc/hosts",
    )
    try:
        assert Checkout().deploy(*MAINFRAME).code == 0
        copy = copy_with(tmp_path, ("estate/services/hermes_api.py", "hermes-api:v0.7.1", "hermes-api:v9.9.9"))
        run = copy.deploy(*MAINFRAME)
        assert run.code == ExitCode.REFUSED, run.text
        assert "cannot be resolved" in run.text
    finally:
        inside("mainframe", "cat /root/resolv.conf >/etc/resolv.conf; cat /root/hosts >/etc/hosts")


@pytest.mark.fault(
    "corrupted compose file on the host", sees="the difference; the file is written anew", codes=[0], hosts="mainframe"
)
def test_a_corrupted_compose_file_is_written_anew():
    before = containers()
    inside(
        "mainframe",
        "cd /opt/prodg/compose; head -c 100 docker-compose.yml >/root/x && cat /root/x >docker-compose.yml",
    )
    run = Checkout().deploy(*MAINFRAME)
    assert run.code == 0, run.text
    assert containers() == before


@pytest.mark.fault(
    "a service is killed for its memory (OOM)",
    sees="it is back by its restart policy, or started",
    codes=[0],
    hosts="mainframe",
)
def test_a_service_that_is_killed_for_its_memory_comes_back():
    inside("mainframe", "kill -9 $(docker inspect --format '{{.State.Pid}}' grafana)")
    run = Checkout().deploy(*MAINFRAME)
    assert run.code == 0, run.text
    assert on_host("mainframe", "docker inspect --format '{{.State.Running}}' grafana").strip() == "true"


@pytest.mark.fault(
    "Docker daemon restarted in the middle of a run", sees="what failed, or nothing", codes=[0, 4, 5], hosts="mainframe"
)
def test_a_restarted_engine_loses_nothing(tmp_path):
    copy = copy_with(tmp_path, ("estate/services/hermes_api.py", 'memory="512m"', 'memory="500m"'))
    process = copy.start(*MAINFRAME)
    wait_for_recreation("hermes-api")
    inside("mainframe", "systemctl restart docker")
    code, text = finish(process, 400)
    assert code in (ExitCode.DONE, ExitCode.RETURNED, ExitCode.NOT_RETURNED), text
    everything_there()


@pytest.mark.fault(
    "Postgres killed while its consumers are recreated",
    sees="what failed, or nothing",
    codes=[0, 4, 5],
    hosts="mainframe",
)
def test_a_killed_postgres_loses_nothing(tmp_path):
    write = "create table if not exists kept (x int); insert into kept values (1); select count(*) from kept"
    before = psql(write)
    copy = copy_with(tmp_path, ("estate/services/hermes_api.py", 'memory="512m"', 'memory="500m"'))
    process = copy.start(*MAINFRAME)
    wait_for_recreation("hermes-api")
    inside("mainframe", "docker kill --signal KILL postgres >/dev/null")
    code, text = finish(process, 400)
    assert code in (ExitCode.DONE, ExitCode.RETURNED, ExitCode.NOT_RETURNED), text
    assert Checkout().deploy_when_free(*MAINFRAME).code == 0
    assert psql("select count(*) from kept") == before


@pytest.mark.fault(
    "a container started by hand on our network", sees="nothing: it is left alone", codes=[0], hosts="mainframe"
)
def test_a_foreign_container_is_left_alone():
    image = on_host("mainframe", "docker inspect --format '{{.Config.Image}}' redis").strip()
    inside("mainframe", f"docker run -d --name by-hand --network prodg-internal {image} sleep 600 >/dev/null")
    try:
        run = Checkout().deploy(*MAINFRAME)
        assert run.code == 0, run.text
        assert run.changes == []
        assert "by-hand" in containers()
    finally:
        inside("mainframe", "docker rm -f by-hand >/dev/null")


@pytest.mark.fault("another process on a port of ours", sees="which port, and who has it", codes=[3], hosts="mainframe")
def test_a_foreign_process_on_our_port_is_named():
    # systemd makes one dollar of two
    listen = (
        "use IO::Socket::INET; $$s = IO::Socket::INET->new(LocalPort => 443, Listen => 1, ReuseAddr => 1); sleep 99"
    )
    inside("mainframe", "docker stop --time 1 caddy >/dev/null; docker rm caddy >/dev/null")
    inside("mainframe", f"systemd-run --quiet --collect --unit=squatter perl -e '{listen}'; sleep 1")
    try:
        # Without Caddy nobody reaches Infisical either
        run = Checkout().deploy(*MAINFRAME, "--data", "secrets=sealed")
        assert run.code == ExitCode.REFUSED, run.text
        assert "mainframe/port 443/tcp: perl" in run.text, run.text
        assert run.changes == []
        assert lock_of("mainframe") == ""
    finally:
        inside("mainframe", "systemctl stop squatter")
        assert Checkout().deploy(*MAINFRAME, "--data", "secrets=sealed").code == 0


def psql(text):
    script = 'psql -qtAX -U "$POSTGRES_USER" -d "$POSTGRES_DB"'
    return (
        on_host("mainframe", f"docker exec -i postgres sh -c '{script}' <<'EOF'\n{text};\nEOF").strip().splitlines()[-1]
    )


def wait_for_recreation(name, seconds=60):
    """Until the container that runs now is another one, or is gone."""
    script = f"docker inspect --format '{{{{.Id}}}}' {name} 2>/dev/null || echo gone"
    first, end = inside("mainframe", script), time.monotonic() + seconds
    while inside("mainframe", script) == first:
        assert time.monotonic() < end
        time.sleep(0.1)


def everything_there():
    names = on_host("mainframe", "docker ps -a --format '{{.Names}}'").split()
    assert {"postgres", "hermes-api", "caddy", "vaultwarden"} <= set(names)
