"""The VPS: a ban that is really in force, outlives a reload of the firewall, and goes again."""

import pytest
from estate_copy import Checkout, on_host

from estate.render.fail2ban import TABLE

pytestmark = pytest.mark.homelab

STRANGER = "192.0.2.66"
SET = f"nft list set inet {TABLE} addr-set-sshd"


@pytest.fixture(scope="module", autouse=True)
def deployed():
    """Another checkout may have deployed to the same lab since."""
    run = Checkout().pyinfra("-y", "--limit", "vps")
    assert run.code == 0, run.text


@pytest.fixture
def banned():
    assert on_host("vps", f"fail2ban-client set sshd banip {STRANGER}").strip() == "1"
    yield
    on_host("vps", f"fail2ban-client set sshd unbanip {STRANGER}")


def test_a_ban_is_in_the_ruleset_and_outlives_a_reload_of_the_firewall(banned):
    assert STRANGER in on_host("vps", SET)
    on_host("vps", "systemctl reload nftables")
    assert STRANGER in on_host("vps", SET)
    chain = on_host("vps", f"nft list table inet {TABLE}")
    assert "hook prerouting priority mangle" in chain
    assert "ip saddr @addr-set-sshd drop" in chain


def test_a_ban_outlives_a_restart_of_fail2ban(banned):
    on_host("vps", "systemctl restart fail2ban")
    on_host("vps", f"timeout 20 sh -c 'until {SET} 2>/dev/null | grep -qF {STRANGER}; do sleep 0.2; done'")


def test_a_ban_goes_again():
    on_host("vps", f"fail2ban-client set sshd banip {STRANGER}")
    on_host("vps", f"fail2ban-client set sshd unbanip {STRANGER}")
    assert STRANGER not in on_host("vps", f"{SET} || :")


def test_failed_log_ins_at_a_site_are_seen():
    """Traefik's log is in the form that the jail reads."""
    log = "/opt/edge/data/traefik-logs/access.log"
    line = '192.0.2.77 - - [01/Jan/2026:00:00:00 +0000] "POST /api/v1/auth/login HTTP/2.0" 401 9 "-" "-" 1 "-" "-" 1ms'
    words = (
        f"printf '%s\\n' '{line}' >/tmp/estate-f2b && fail2ban-regex /tmp/estate-f2b 'traefik-auth[mode=aggressive]'"
    )
    assert "1 matched" in on_host("vps", words)
    assert on_host("vps", f"test -f {log} && echo there").strip() == "there"


def test_who_is_to_be_ignored_is_not_banned():
    assert "10.99.0.1" in on_host("vps", "fail2ban-client get sshd ignoreip")


def test_the_tunnels_own_log_in_is_not_counted():
    """A key that was rotated would otherwise shut out the house that the tunnel ends in."""
    assert '"POST /api/v1/auth/newt/get-token[ ?]' in on_host("vps", "fail2ban-client get traefik-auth ignoreregex")
