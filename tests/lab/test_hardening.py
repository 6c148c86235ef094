"""The deployed hosts are hardened as far as was asked, and each measurement sees it when one is not."""

from functools import cache

import pytest
from estate_copy import REPO, Checkout, on_host

from estate.inventory import load
from lab.audit import lynis, sshaudit
from lab.audit.measure import lynis_report, quick
from lab.paths import lab_paths

EACH = pytest.mark.parametrize(
    "name", [pytest.param("mainframe", marks=pytest.mark.mainframe), pytest.param("vps", marks=pytest.mark.hosts)]
)
"""Each in the lane that has the host to itself."""
PLANTED = "/opt/prodg/secrets/estate-audit-control"
# systemd-run would put its own variables in place of $s
LISTENER = r"""
systemd-run --quiet --unit estate-audit-control perl -MIO::Socket::INET -e \
    '$$s = IO::Socket::INET->new(Listen => 5, LocalPort => 5999, ReuseAddr => 1); while ($$c = $$s->accept) {}'
sleep 1
"""
# a container that breaks many of the rules at once, from an image that is there
LOOSE = """
docker run -d --name estate-audit-control --privileged --pid host --network bridge -v /etc:/mnt:ro \
    --entrypoint sleep "$(docker inspect --format '{{.Config.Image}}' redis)" 600 >/dev/null
"""


@pytest.fixture(scope="module")
def estate():
    return load(REPO / "inventories" / "lab.py")


@pytest.fixture(scope="module")
def deployed():
    """Deploys a host, once: another checkout may have done so since."""

    @cache
    def deploy(name):
        run = Checkout().deploy_when_free("--limit", name)
        assert run.code == 0, run.text
        return name

    return deploy


@pytest.fixture(scope="module")
def lynis_says(deployed):
    """What lynis says of a host; asked once, as it takes half a minute."""
    return cache(lambda name: lynis_report(lab_paths(), deployed(name)))


def by_name(checks):
    return {check.name: check for check in checks}


def missed(checks):
    return {check.name: check.details for check in checks if not check.passed}


@EACH
def test_lynis_gives_80_or_more_and_no_warning(lynis_says, name):
    assert missed(lynis.checks(lynis_says(name))) == {}


@EACH
def test_ssh_audit_finds_no_failing_algorithm(estate, deployed, name):
    ssh = estate.ssh[deployed(name)]
    assert missed(sshaudit.checks(ssh.hostname, ssh.port)) == {}


@EACH
def test_docker_secrets_and_ports_are_as_wanted(estate, deployed, name):
    assert missed(quick(lab_paths(), estate, deployed(name))) == {}


@pytest.mark.hosts
def test_ssh_audit_sees_an_algorithm_that_is_not_ours(estate, deployed):
    ssh = estate.ssh[deployed("vps")]
    sshd = "/etc/ssh/sshd_config.d/05-audit-control.conf"
    try:
        on_host("vps", f"echo 'MACs +hmac-sha1' >{sshd}; sshd -t && systemctl reload ssh; sleep 1")
        found = by_name(sshaudit.checks(ssh.hostname, ssh.port))
    finally:
        on_host("vps", f"rm -f {sshd}; sshd -t && systemctl reload ssh; sleep 1")
    assert "hmac-sha1" in str(found["ssh-audit: failing algorithms"].details)
    assert not found["ssh-audit: against our policy"].passed


@pytest.mark.hosts
def test_lynis_sees_what_was_undone(lynis_says):
    before = lynis_says("vps").index
    try:
        on_host("vps", "mv /etc/ssh/sshd_config.d/10-estate.conf /root/; mv /etc/modprobe.d/60-estate.conf /root/")
        after = lynis_report(lab_paths(), "vps")
    finally:
        on_host("vps", "mv /root/10-estate.conf /etc/ssh/sshd_config.d/; mv /root/60-estate.conf /etc/modprobe.d/")
    assert after.index < before
    assert not lynis.checks(after)[0].passed


@pytest.mark.mainframe
def test_a_planted_secret_a_listener_and_a_loose_container_are_found(estate, deployed):
    deployed("mainframe")
    cleanup = (
        f"rm -f {PLANTED}; systemctl stop estate-audit-control 2>/dev/null; "
        "systemctl reset-failed estate-audit-control 2>/dev/null; "
        "docker rm -f estate-audit-control >/dev/null 2>&1; true"
    )
    try:
        on_host("mainframe", f"umask 022; echo x >{PLANTED}; {LISTENER}{LOOSE}")
        found = by_name(quick(lab_paths(), estate, "mainframe"))
    finally:
        on_host("mainframe", cleanup)
    assert found["files with secrets that others may read"].details == (PLANTED,)
    assert found["listening ports that are not declared"].details == ("tcp 0.0.0.0:5999 (perl)",)
    docker = next(check for name, check in found.items() if name.endswith("not justified"))
    numbers = {line.partition(" ")[0] for line in docker.details if line.endswith(": estate-audit-control")}
    assert numbers >= {"5.4", "5.5", "5.6", "5.11", "5.13", "5.16", "5.27", "5.29", "5.30"}
    assert missed(quick(lab_paths(), estate, "mainframe")) == {}, "the control left something behind"
