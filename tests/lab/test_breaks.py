"""Each kind of verification can fail: break everything at once, see every matching test fail, repair, see all pass."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from estate_copy import BIN, REPO, Checkout, on_host

pytestmark = pytest.mark.mainframe

BREAK = r"""
docker stop --time 1 hermes-api >/dev/null
docker update --memory 300m --memory-swap 300m alertmanager >/dev/null
docker run -d --name stray --label com.docker.compose.project=prodg --label com.docker.compose.service=stray \
    --entrypoint sleep "$(docker inspect --format '{{.Config.Image}}' redis)" 600 >/dev/null
chown 0:0 /opt/prodg/data/loki
chmod 644 /opt/prodg/compose/.env
echo "$(ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key) intruder" >>/home/mitch/.ssh/authorized_keys
mkdir -p /home/prodg/.ssh && echo x >/home/prodg/.ssh/authorized_keys
sed -i -e 's/^PasswordAuthentication no/PasswordAuthentication yes/' -e '/^AuthenticationMethods/d' \
    /etc/ssh/sshd_config.d/10-estate.conf
systemctl reload ssh
sysctl -q -w net.ipv4.tcp_syncookies=0
systemctl disable --now unattended-upgrades 2>/dev/null
usermod --shell /bin/bash prodg
nft delete table inet estate
systemd-run --quiet --unit estate-test-port perl -MIO::Socket::INET -e \
    '$s = IO::Socket::INET->new(Listen => 5, LocalPort => 5000, ReuseAddr => 1); while ($c = $s->accept) { close $c }'
docker exec redis sh -c 'REDISCLI_AUTH="$(cat /run/secrets/password)" redis-cli config set requirepass ""' >/dev/null
sed -i '1i host all all all trust' /opt/prodg/data/postgres/pg_hba.conf
docker kill -s HUP postgres >/dev/null
sed -i 's/job_name: headscale$/job_name: renamed/' /opt/prodg/compose/prometheus/prometheus.yml
docker exec prometheus sh -c 'kill -HUP 1'
printf ':2020 {\n respond ok\n}\n' >/opt/prodg/compose/caddy/Caddyfile
docker exec caddy caddy reload --config /etc/caddy/Caddyfile --adapter caddyfile >/dev/null 2>&1
sed -i 's/resolve_timeout: .*/resolve_timeout: 9m/' /opt/prodg/compose/alertmanager/alertmanager.yml
docker exec alertmanager sh -c 'kill -HUP 1'
sed -i 's,url: http://loki:.*,url: http://loki:1,' /opt/prodg/compose/grafana/datasources/estate.yml
rm /opt/prodg/compose/grafana/boards/logs.json
for what in datasources dashboards; do
    docker exec grafana sh -c "printf 'user = \"admin:%s\"' \"\$(cat /run/secrets/admin-password)\" |
        curl -s -o /dev/null -K - -X POST http://127.0.0.1:3000/api/admin/provisioning/$what/reload"
done
docker exec vaultwarden sh -c 'umask 077; echo "{\"admin_token\": \"x\"}" >/data/config.json'
echo changed >/opt/prodg/docs/public/estate.html
sed -i 's/SystemMaxUse=.*/SystemMaxUse=1/' /etc/systemd/journald.conf.d/60-estate.conf
sleep 3
"""

UNDO = r"""
systemctl stop estate-test-port 2>/dev/null
systemctl reset-failed estate-test-port 2>/dev/null
rm -rf /home/prodg/.ssh
docker exec redis sh -c 'redis-cli config set requirepass "$(cat /run/secrets/password)"' >/dev/null
sed -i '/^host all all all trust$/d' /opt/prodg/data/postgres/pg_hba.conf
docker kill -s HUP postgres >/dev/null
rm -f /opt/prodg/data/vaultwarden/config.json
docker update --memory 128m --memory-swap 256m alertmanager >/dev/null
"""
"""What no deploy repairs: it is nobody's declaration (yet) what lies in a database or runs by hand."""

EXPECTED = {
    "test_it_runs_and_is_healthy[mainframe-hermes-api]",
    "test_it_has_the_declared_limits[mainframe-alertmanager]",
    "test_the_project_has_no_other_containers[mainframe]",
    "test_data_directories_belong_to_the_user_of_their_service[mainframe]",
    "test_files_and_directories_have_the_declared_owner_and_mode[mainframe]",
    "test_files_with_secrets_are_closed_to_others[mainframe]",
    "test_admins_have_exactly_the_declared_keys[mainframe]",
    "test_nobody_else_can_log_in_with_a_key[mainframe]",
    "test_sshd_runs_the_declared_configuration[mainframe]",
    "test_kernel_settings_are_live[mainframe]",
    "test_units_are_as_declared[mainframe]",
    "test_users_exist_as_declared[mainframe]",
    "test_the_firewall_table_is_loaded[mainframe]",
    "test_only_declared_ports_answer_from_outside[mainframe]",
    "test_the_journal_is_bounded[mainframe]",
    "test_redis_refuses_an_unauthenticated_ping[mainframe-redis]",
    "test_postgres_refuses_a_login_without_the_password_and_stores_scram_hashes[mainframe-postgres]",
    "test_prometheus_scrapes_exactly_the_declared_targets_and_they_are_up[mainframe]",
    "test_prometheus_has_loaded_the_declared_configuration_and_rules[mainframe]",
    "test_caddy_serves_exactly_the_declared_sites[mainframe]",
    "test_every_site_answers_over_tls_with_a_certificate_we_trust[mainframe-vault.mainframe.prodg.studio]",
    "test_every_site_leads_to_its_own_service[mainframe-vault.mainframe.prodg.studio]",
    "test_plain_http_is_sent_to_https[mainframe-vault.mainframe.prodg.studio]",
    "test_the_generated_page_of_the_docs_is_served[mainframe]",
    "test_the_running_sshd_takes_keys_only[mainframe]",
    "test_alertmanager_has_loaded_the_declared_configuration[mainframe]",
    "test_the_data_sources_of_grafana_answer[mainframe]",
    "test_grafana_has_every_declared_dashboard[mainframe]",
    "test_no_stored_setting_of_vaultwarden_overrides_its_environment[mainframe]",
}


def verify(report, *options) -> tuple[set[str], set[str]]:
    """Run the verification of the mainframe; the names of the tests that passed and of those that failed."""
    argv = [str(BIN / "pytest"), "tests/verify", "--inventory", "inventories/lab.py", "--limit", "mainframe", "-q"]
    subprocess.run(
        [*argv, *options, f"--junitxml={report}", "-p", "no:cacheprovider"], cwd=REPO, capture_output=True, timeout=300
    )
    passed, failed = set(), set()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own report
        bad = case.find("failure") is not None or case.find("error") is not None
        (failed if bad else passed).add(_plain(case.get("name")))
    return passed, failed


def _plain(name: str) -> str:
    """The test's name with its parameters in one order."""
    base, _, parameters = name.partition("[")
    parts = sorted(parameters.rstrip("]").split("-"), key=lambda part: part != "mainframe")
    return f"{base}[{'-'.join(parts)}]"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    directory = tmp_path_factory.mktemp("reports")
    estate = Checkout()
    assert estate.deploy_when_free("--limit", "mainframe").code == 0
    on_host("mainframe", BREAK, check=False)
    try:
        # What is broken does not come back by waiting
        broken = verify(directory / "broken.xml", "--patience", "0")
    finally:
        on_host("mainframe", UNDO, check=False)
        # Caddy is among what is broken, so nothing reaches Infisical: the sealed copy is what that is for
        repair = estate.deploy("--limit", "mainframe", "--data", "secrets=sealed")
    assert repair.code == 0, repair.text
    return broken, verify(directory / "repaired.xml")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_break_makes_the_matching_test_fail(reports, name):
    (passed, failed), _ = reports
    plain = _plain(name)
    assert plain in passed | failed, "the verification has no such test"
    assert plain in failed


def test_after_the_repair_the_whole_verification_passes(reports):
    _, (passed, failed) = reports
    assert failed == set()
    assert len(passed) > 100


def test_an_unreachable_host_is_named_in_one_line(tmp_path):
    copy = Checkout.copy_to(tmp_path / "estate")
    elsewhere = '{"ssh_hostname": "10.99.0.250" if host.name == "vps" else host.login_address}'
    copy.edit("lab/inventory.py", '{"ssh_hostname": host.login_address}', elsewhere)
    argv = [sys.executable, "-m", "pytest", str(REPO / "tests/verify"), "--inventory", "inventories/lab.py"]
    argv += ["--limit", "vps", "-q", "-k", "users", "-p", "no:cacheprovider", "-c", str(REPO / "pyproject.toml")]
    result = subprocess.run(
        argv, cwd=copy.root, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(copy.root)}, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "vps: unreachable" in result.stdout
    assert "Traceback" not in result.stdout
