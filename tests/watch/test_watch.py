"""The watching program, against real sockets and handshakes, and tools that answer as they are documented."""

import json
import time

import pytest
from watch_host import TOKEN, Host, Site, Telegram, certificate

from estate_watch import backups
from estate_watch.config import Config, remembered

NAME = "auth.example.org"


@pytest.fixture
def telegram():
    server = Telegram()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def host(tmp_path, monkeypatch, telegram):
    return Host(tmp_path, monkeypatch, telegram)


@pytest.fixture
def site(tmp_path):
    server = Site(certificate(tmp_path, NAME))
    server.url = f"https://{NAME}:{server.server_port}/"
    server.ca = str(tmp_path / f"{NAME}.pem")
    yield server
    server.shutdown()
    server.server_close()


def watch_site(host, site):
    url = {"url": site.url, "address": "127.0.0.1", "seconds": 2.0}
    host.jobs["health-check"] = {"sites": [url], "ca": site.ca, "project": None, "services": []}


class TestTelling:
    def test_a_fault_is_told_once_and_again_each_day_and_when_it_is_over(self, host, site, telegram):
        watch_site(host, site)
        site.status = 502
        assert [host.run("health-check") for _ in range(3)] == [1, 1, 1]
        assert [text.splitlines()[0] for text in telegram.sent] == ["⚠️ test: health-check"]
        host.now += 86400
        host.run("health-check")
        site.status = 200
        assert host.run("health-check") == 0
        host.run("health-check")
        assert len(telegram.sent) == 3
        assert telegram.sent[-1] == "✅ test: health-check is well again"

    def test_another_fault_is_told_at_once(self, host, site, telegram):
        watch_site(host, site)
        site.status = 502
        host.run("health-check")
        host.tool("systemctl", "echo 'nginx.service loaded failed failed web'")
        host.run("health-check")
        assert "unit nginx.service has failed" in telegram.sent[-1]

    def test_what_could_not_be_sent_is_sent_by_the_next_run(self, host, site, telegram, capsys):
        watch_site(host, site)
        site.status = 502
        telegram.status = 500
        assert host.run("health-check") == 2
        telegram.status = 200
        assert host.run("health-check") == 1
        assert len(telegram.sent) == 1

    @pytest.mark.parametrize("status", [401, 0])
    def test_the_token_is_in_no_output_no_state_and_no_argument(self, host, site, telegram, capsys, tmp_path, status):
        watch_site(host, site)
        site.status = 502
        telegram.status = status
        if not status:
            telegram.shutdown()
            telegram.server_close()
        assert host.run("health-check") == 2
        told = capsys.readouterr()
        kept = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "telegram.json"]
        found = [p for p in kept if TOKEN in p.read_text(errors="replace")]
        assert TOKEN not in told.out + told.err
        assert found == []
        # The search would find it where it is
        assert TOKEN in (tmp_path / "telegram.json").read_text()

    def test_quiet_tells_nobody_and_remembers_nothing(self, host, site, telegram, tmp_path):
        watch_site(host, site)
        site.status = 502
        assert host.run("health-check", "--quiet") == 1
        assert telegram.sent == []
        assert not (tmp_path / "state").exists()

    def test_metrics_of_one_job_do_not_take_away_the_others(self, host, site):
        watch_site(host, site)
        host.jobs["cert-check"] = {"names": [], "warn_days": 21, "tls_min": "TLSv1.2"}
        host.run("health-check")
        host.run("cert-check")
        assert 'estate_watch_ok{job="cert-check"} 1.0' in host.metrics
        assert f'estate_watch_site_up{{url="{site.url}"}} 1.0' in host.metrics
        assert host.metrics.count("# TYPE estate_watch_ok gauge") == 1

    def test_a_job_that_this_host_does_not_have_is_refused(self, host, capsys):
        assert host.run("cert-check") == 2
        assert "is no job of this host" in capsys.readouterr().err

    def test_a_spoilt_memory_does_not_stop_it(self, host, site, tmp_path):
        watch_site(host, site)
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "health-check.json").write_text("{")
        assert host.run("health-check") == 0


class TestHealth:
    def test_a_site_that_takes_too_long_is_a_fault(self, host, site, capsys):
        watch_site(host, site)
        host.jobs["health-check"]["sites"][0]["seconds"] = 0.05
        site.delay = 0.2
        assert host.run("health-check") == 1
        assert "s are allowed" in capsys.readouterr().out

    def test_a_login_page_is_well(self, host, site):
        watch_site(host, site)
        site.status = 401
        assert host.run("health-check") == 0

    def test_containers_have_to_run_and_be_healthy(self, host, capsys):
        host.jobs["health-check"] = {"sites": [], "project": "p", "services": ["a", "b", "c", "d"]}
        rows = [{"Names": "a", "Status": "Up 3 hours (healthy)"}, {"Names": "b", "Status": "Up 1 hour (unhealthy)"}]
        rows.append({"Names": "c", "Status": "Exited (1) 2 minutes ago"})
        host.tool("docker", "\n".join(f"echo '{json.dumps(row)}'" for row in rows))
        assert host.run("health-check") == 1
        assert capsys.readouterr().out.splitlines() == [
            "container b: Up 1 hour (unhealthy)",
            "container c: Exited (1) 2 minutes ago",
            "container d: is missing",
        ]

    def test_an_engine_that_does_not_answer_is_a_fault(self, host, capsys):
        host.jobs["health-check"] = {"sites": [], "project": "p", "services": ["a"]}
        host.tool("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
        assert host.run("health-check") == 1
        assert "cannot be listed" in capsys.readouterr().out

    def test_its_own_units_are_not_a_fault_of_the_host(self, host):
        host.jobs["health-check"] = {"sites": [], "project": None, "services": []}
        host.tool("systemctl", "echo 'estate-watch-cert-check.service loaded failed failed x'")
        assert host.run("health-check") == 0


class TestCertificates:
    def check(self, host, port, ca, **over):
        names = [{"name": NAME, "address": "127.0.0.1", "port": port}]
        host.jobs["cert-check"] = {"names": names, "warn_days": 21, "tls_min": "TLSv1.2", "ca": ca, **over}
        host.now = time.time()
        return host.run("cert-check")

    def test_a_young_one_is_well(self, host, site):
        assert self.check(host, site.server_port, site.ca) == 0
        assert f'estate_watch_certificate_days_left{{name="{NAME}"}} 89.' in host.metrics

    def test_one_that_ends_soon_is_a_fault(self, host, site, capsys):
        assert self.check(host, site.server_port, site.ca, warn_days=100) == 1
        assert "its certificate ends in 90 days" in capsys.readouterr().out

    def test_one_that_nobody_trusts_is_a_fault(self, host, site, capsys):
        assert self.check(host, site.server_port, None) == 1
        assert "its certificate is refused" in capsys.readouterr().out

    def test_one_that_has_ended_is_a_fault(self, host, tmp_path, capsys):
        pem = certificate(tmp_path, NAME, days=-1)
        server = Site(pem)
        assert self.check(host, server.server_port, str(pem)) == 1
        assert "expired" in capsys.readouterr().out
        server.shutdown()
        server.server_close()

    def test_nobody_there_is_a_fault(self, host, site, capsys):
        assert self.check(host, 1, site.ca) == 1
        assert "refused" in capsys.readouterr().out


class TestTunnel:
    @pytest.fixture
    def watched(self, host, site):
        site.body = '{"issuer": "the homelab"}'
        host.tool("docker", "exit 0")
        host.jobs["tunnel-monitor"] = {
            "url": site.url,
            "address": "127.0.0.1",
            "ca": site.ca,
            "contains": "the homelab",
            "failures": 3,
            "restart": ["docker", "restart", "newt"],
            "per_day": 4,
            "first_wait": 300,
        }
        return host

    def test_data_that_flow_are_well(self, watched):
        assert watched.run("tunnel-monitor") == 0
        assert watched.calls("docker") == []

    def test_a_page_that_is_not_the_homelabs_own_is_a_cut_tunnel(self, watched, site):
        site.body = "Bad Gateway, politely"
        assert [watched.run("tunnel-monitor") for _ in range(3)] == [0, 0, 1]

    def test_it_starts_its_end_anew_after_some_failures_and_waits_longer_each_time(self, watched, site):
        site.status, begun, when = 502, watched.now, []
        for _ in range(4 * 60):
            watched.run("tunnel-monitor")
            if len(watched.calls("docker")) > len(when):
                when.append((watched.now - begun) / 60)
            watched.now += 60
        # After three failures; then at least 5, 10 and 20 minutes after the one before; then no more that day
        assert when == [2, 7, 17, 37]

    def test_a_single_lost_page_starts_nothing(self, watched, site):
        for status in (502, 200, 502, 502, 200, 502):
            site.status = status
            watched.run("tunnel-monitor")
        assert watched.calls("docker") == []

    def test_a_look_says_at_once_what_is_wrong_and_starts_nothing(self, watched, site, capsys):
        for _ in range(2):
            watched.run("tunnel-monitor")
        site.status = 502
        assert watched.run("tunnel-monitor", "--quiet") == 1
        assert "no data come through the tunnel" in capsys.readouterr().out
        assert watched.calls("docker") == []

    def test_what_it_did_is_kept_when_it_cannot_be_told(self, watched, site, telegram, tmp_path):
        site.status, telegram.status = 502, 500
        for _ in range(4):
            watched.run("tunnel-monitor")
        assert len(watched.calls("docker")) == 1
        memory = remembered(Config("test", tmp_path / "state", None, tmp_path, "", {}), "tunnel-monitor")
        assert len(memory["job"]["starts"]) == 1


class TestProxmoxBackups:
    @pytest.fixture
    def node(self, host):
        host.jobs["backup-proxmox"] = {"node": "dl380p", "storage": "omv", "guests": [141, 142], "max_age_hours": 26}
        self.say(host)
        return host

    def say(self, host, active=1, content=None, tasks=None):
        young = [
            {"vmid": guest, "ctime": host.now - 3600, "size": 10, "volid": f"omv:backup/{guest}"}
            for guest in (141, 142)
        ]
        answers = {
            "status": {"active": active},
            "content": young if content is None else content,
            "tasks": tasks or [{"endtime": 1, "status": "OK"}],
        }
        cases = "".join(f"*/{name}*) echo '{json.dumps(value)}' ;; " for name, value in answers.items())
        host.tool("pvesh", f'case "$2" in {cases} *) exit 9 ;; esac')

    def test_young_backups_of_every_guest_are_well(self, node):
        assert node.run("backup-proxmox") == 0
        assert 'estate_watch_guest_backup_age_hours{guest="141"} 1.0' in node.metrics

    @pytest.mark.parametrize(
        ("answer", "fault"),
        [
            ({"active": 0}, "storage omv is not mounted"),
            ({"content": []}, "guest 142 has no backup on omv"),
            ({"content": [{"vmid": g, "ctime": 1_799_800_000, "size": 1} for g in (141, 142)]}, "is 56 hours old"),
            # A file of no bytes is no backup
            ({"content": [{"vmid": g, "ctime": 1_800_000_000, "size": 0} for g in (141, 142)]}, "hours old"),
            (
                {"tasks": [{"endtime": 2, "status": "job errors"}, {"endtime": 1, "status": "OK"}, {"starttime": 3}]},
                "the last vzdump ended with: job errors",
            ),
        ],
    )
    def test_what_is_missing_is_a_fault(self, node, answer, fault, capsys):
        self.say(node, **answer)
        assert node.run("backup-proxmox") == 1
        assert fault in capsys.readouterr().out

    def test_a_tool_that_fails_is_a_fault_and_no_traceback(self, node, capsys):
        node.tool("pvesh", "echo 'no quorum' >&2; exit 2")
        assert node.run("backup-proxmox") == 1
        assert "no quorum" in capsys.readouterr().out

    def test_run_backs_up_first(self, node):
        node.tool("vzdump", "exit 0")
        assert node.run("backup-proxmox", "--run") == 0
        assert node.calls("vzdump") == ["141 142 --storage omv --mode snapshot --compress zstd"]

    def test_a_backup_that_fails_is_said(self, node, capsys):
        node.tool("vzdump", "echo 'ERROR: no space left' >&2; exit 1")
        assert node.run("backup-proxmox", "--run") == 2
        assert "no space left" in capsys.readouterr().err


class TestBackupSets:
    @pytest.mark.parametrize(
        ("status", "fault"),
        [
            ({"newest": "", "runs": {}}, "there is no backup set"),
            ({"newest": "2027-01-10T080000Z", "runs": {}}, "hours old"),
            ({"newest": "2027-01-15T070000Z", "runs": {"daily": {"ok": False}}}, "the last daily backup"),
        ],
    )
    def test_what_is_missing_is_a_fault(self, host, status, fault):
        host.tool("sets", f"echo '{json.dumps(status)}'")
        settings = {"program": str(host.bin / "sets"), "max_age_hours": 26}
        assert fault in backups.sets(settings, {}, host.now).faults[0]

    def test_a_young_set_is_well(self, host):
        status = {"newest": "2027-01-15T070000Z", "runs": {"daily": {"ok": True}}}
        host.tool("sets", f"echo '{json.dumps(status)}'")
        assert backups.sets({"program": str(host.bin / "sets"), "max_age_hours": 26}, {}, host.now).faults == []


class TestReport:
    def test_it_is_a_message_that_a_person_reads(self, host, telegram):
        row = {"metric": {"instance": "10.20.0.41:9100"}, "value": [0, "12.4"]}
        host.tool("docker", f"echo '{json.dumps({'data': {'result': [row]}})}'")
        machines = [{"name": "postgres", "instance": "10.20.0.41:9100"}, {"name": "gone", "instance": "x"}]
        prometheus = {"command": ["docker", "exec", "p", "wget", "-qO-"], "base": "http://127.0.0.1:9090"}
        host.jobs["resource-report"] = {"prometheus": prometheus, "machines": machines, "title": "the homelab"}
        assert host.run("resource-report") == 1
        (text,) = telegram.sent
        assert text.splitlines()[1:] == ["postgres: cpu 12 % · memory 12 % · disk 12 %", "gone: no figures"]

    def test_without_prometheus_there_is_a_fault_and_no_empty_report(self, host, telegram):
        host.tool("docker", "exit 1")
        host.jobs["resource-report"] = {
            "prometheus": {"command": ["docker"], "base": ""}, "machines": [], "title": "x",
        }  # fmt: skip
        assert host.run("resource-report") == 1
        assert "Prometheus has no figures" in telegram.sent[0]
