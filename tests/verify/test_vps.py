"""The homelab's public edge: its budget, TLS, and who is shut out."""

import pytest

from estate.render.fail2ban import TABLE, jails
from estate.routes import names
from estate.verify.tls import speak


@pytest.mark.with_service("traefik")
def test_the_least_version_of_tls_is_the_declared_one(node):
    settings, root = node.host.pangolin, node.host.tls.ca_root
    told = {v: speak(node.host.address, settings.dashboard_name, v, root) for v in ("1.2", "1.3")}
    assert told["1.3"].error == "", "no certificate that is valid, or no answer"
    assert bool(told["1.2"].error) is (settings.tls_min == "1.3")


@pytest.mark.with_service("traefik")
def test_browsers_are_told_to_come_over_tls_only(node):
    settings = node.host.pangolin
    answer = speak(node.host.address, settings.dashboard_name, "1.3", node.host.tls.ca_root)
    assert answer.header("Strict-Transport-Security") == f"max-age={settings.hsts}; includeSubDomains"


@pytest.mark.with_service("traefik")
def test_every_public_site_has_a_certificate_that_is_valid(node, estate_stacks):
    settings = node.host.pangolin
    own = {f"{label}.{settings.domain}" for label in settings.names}
    wrong = {}
    for name in set(names(node.host, estate_stacks)) - own:
        answer = speak(node.host.address, name, "1.3", node.host.tls.ca_root)
        if answer.error:
            wrong[name] = answer.error
    assert wrong == {}


def test_fail2ban_runs_every_jail(node, seen):
    if getattr(node.host, "fail2ban", None) is None:
        pytest.skip("the host has no fail2ban")
    assert seen.lines("fail2ban") == list(jails(node.stack))


def test_bans_hold_for_what_docker_publishes_too(node, seen):
    if getattr(node.host, "fail2ban", None) is None:
        pytest.skip("the host has no fail2ban")
    start = seen.text("fail2ban-action")
    assert f"inet {TABLE} " in start
    assert "hook prerouting priority -150" in start


@pytest.mark.with_service("gerbil")
def test_its_services_stay_within_their_memory(node, seen):
    """The engine enforces it; this tells a limit that was never set."""
    live = {name: item["memory"] for name, item in seen.containers().items()}
    assert live == {service.name: service.limits.memory for service in node.stack.containers}
