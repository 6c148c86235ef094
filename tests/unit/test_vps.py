"""The VPS: its budget, what it opens, fail2ban, swap and Pangolin's first start."""

import os
import subprocess

import pytest
import yaml
from factories import settings, vps

from estate.checks.vps import check
from estate.models.service import Limits, Published
from estate.models.stack import Stack
from estate.models.vps import Fail2ban, RawRoute, Reserve
from estate.plan.containers import wanted_inputs
from estate.render.fail2ban import fail2ban, jails
from estate.render.firewall import firewall
from estate.render.host import tasks_of
from estate.render.stack import stack_tree
from estate.render.templates import render
from estate.secrets.placeholders import placeholders
from estate.services import CATALOG
from estate.services.gerbil import RUSTDESK_RAW

NAMES = ("pangolin", "gerbil", "traefik", "hbbr")
OWN = settings(project="edge", root="/opt/edge", domain="example.org", network="edge")


def stack(**changed):
    services = (CATALOG[name].model_copy(update=changed.get(name, {})) for name in NAMES)
    return Stack(settings=OWN, services=tuple(services))


def faults(host=None, whole=None):
    return [str(fault) for fault in check(host or vps(), whole or stack(), "group_data/vps")]


def compose(whole):
    files = stack_tree(vps(), whole, placeholders(whole)).tree.files
    return next(f for f in files if f.path == "/opt/edge/compose/docker-compose.yml").content.decode()


def test_the_declared_services_fit_the_seeds_machine_with_a_gigabyte_to_spare():
    assert faults() == []
    limits = [CATALOG[name].limits for name in NAMES]
    assert sum(item.cpus for item in limits) <= 2
    assert sum(item.memory for item in limits) < 3 * 1024**3


@pytest.mark.parametrize(
    ("host", "changed", "fault"),
    [
        ({}, {"hbbr": {"limits": Limits(cpus=0.25, memory="1g")}}, "of which 1g are the system's"),
        ({}, {"hbbr": {"limits": Limits(cpus=0.5, memory="64m")}}, "limits of 2.25 CPUs in all, but vps has 2"),
        ({"reserve": Reserve(cpus=0.25)}, {}, "of which 0.25 are the system's"),
        ({"tls": None}, {}, "group_data/vps/tls: missing"),
        ({"pangolin": None}, {}, "group_data/vps/pangolin: missing"),
        ({}, {"traefik": {"published": (Published(host=1, container=1),)}}, "its neighbour's to publish"),
        ({}, {"traefik": {"network_of": "absent"}}, "absent is not a service here"),
    ],
)
def test_what_does_not_fit_is_refused(host, changed, fault):
    found = faults(vps(**host), stack(**changed))
    assert any(fault in line for line in found), found


def test_a_raw_port_that_nobody_publishes_is_refused():
    one = vps().pangolin.model_copy(update={"raw": (RawRoute(service="hbbs", port=21118),)})
    assert ["no service publishes 21118/tcp" in line for line in faults(vps(pangolin=one))] == [True]
    all_ = tuple(RawRoute(service="hbbs", port=p.host, protocol=p.protocol) for p in RUSTDESK_RAW)
    assert faults(vps(pangolin=one.model_copy(update={"raw": all_}))) == []


def test_only_the_declared_ports_are_open():
    rules = firewall(vps(), stack()).tree.files[0].content.decode()
    opened = [line.split("meta l4proto ")[1].split()[0::4] for line in rules.splitlines() if "ct status dnat" in line]
    found = {f"{proto}/{port}" for proto, port in opened}
    assert found == {"tcp/80", "tcp/443", "udp/51820", "tcp/21115", "tcp/21116", "udp/21116", "tcp/21117"}


def test_traefik_lives_in_gerbils_network_and_moves_with_it():
    document = yaml.safe_load(compose(stack()))["services"]
    assert document["traefik"]["network_mode"] == "service:gerbil"
    assert "networks" not in document["traefik"]
    assert stack().address(CATALOG["traefik"]) == "gerbil"
    before = wanted_inputs(compose(stack()))
    after = wanted_inputs(compose(stack(gerbil={"command": ("--other",)})))
    changed = {name: {k for k in after[name] if after[name][k] != before[name][k]} for name in NAMES}
    assert changed == {"pangolin": set(), "gerbil": {"command"}, "traefik": {"network of gerbil"}, "hbbr": set()}


def test_least_privilege():
    for name, service in yaml.safe_load(compose(stack()))["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service.get("cap_add", []) == (["NET_ADMIN"] if name == "gerbil" else [])
        assert {"mem_limit", "cpus", "pids_limit", "healthcheck"} <= service.keys()


@pytest.mark.parametrize(("least", "version"), [("1.2", "VersionTLS12"), ("1.3", "VersionTLS13")])
def test_the_tls_version_is_a_setting(least, version):
    host = vps(pangolin=vps().pangolin.model_copy(update={"tls_min": least}))
    document = yaml.safe_load(render("traefik/dynamic.yml.j2", host=host))
    assert document["tls"]["options"]["default"]["minVersion"] == version


def test_hsts_holds_on_the_entry_point_and_nothing_is_unverified_or_shown():
    static = yaml.safe_load(render("traefik/traefik.yml.j2", host=vps()))
    assert static["entryPoints"]["websecure"]["http"]["middlewares"] == ["hsts@file"]
    assert static["serversTransport"] == {"insecureSkipVerify": False}
    assert "api" not in static
    assert static["accessLog"] == {"filePath": "/var/log/traefik/access.log", "format": "common"}


def files_of(desired):
    return {file.path: file.content.decode() for file in desired.tree.files}


def test_bans_hold_before_dnat_and_apart_from_the_firewalls_table():
    settings_ = Fail2ban(ignore=("198.51.100.0/24",))
    desired = fail2ban(vps(), stack(), settings_)
    jail = files_of(desired)["/etc/fail2ban/jail.d/60-estate.local"]
    assert "table=f2b-estate, chain_hook=prerouting, chain_priority=-150, blocktype=drop" in jail
    assert "ignoreip = 127.0.0.0/8 ::1 172.28.0.0/24 198.51.100.0/24\n" in jail
    assert "backend = systemd\n" in jail
    assert "traefik-auth[mode=aggressive]" in jail
    assert "bantime.increment = true" in jail
    assert "python3-systemd" in desired.packages
    rules = firewall(vps(), stack()).tree.files[0].content.decode()
    assert "f2b" not in rules
    assert "flush ruleset" not in rules


def test_without_traefik_its_log_is_not_looked_for():
    desired = fail2ban(vps(), None, Fail2ban())
    assert jails(None) == ("sshd", "recidive")
    assert "traefik" not in "".join(files_of(desired).values())
    assert [handler.probe for handler in desired.handlers] == [
        "{ fail2ban-client status sshd && fail2ban-client status recidive; } >/dev/null"
    ]


def test_a_longest_ban_that_is_shorter_than_the_first_is_refused():
    with pytest.raises(ValueError, match="shorter than ban_time"):
        Fail2ban(ban_time=3600, ban_max=60)


def test_the_tasks_of_a_vps_come_in_their_order():
    whole = stack()
    tasks = list(tasks_of(vps(), whole, placeholders(whole, vps())))
    assert tasks == ["base", "firewall", "docker_engine", "docker_stack", "vps", "pangolin", "fail2ban"]
    assert list(tasks_of(vps(services=(), pangolin=None, fail2ban=None), None, {})) == ["base", "firewall", "vps"]


def test_swap_is_the_machines_own_in_a_container(tmp_path):
    script = render("vps/estate-swap.sh.j2", size=1024**2)
    (tmp_path / "systemd-detect-virt").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "systemd-detect-virt").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(["sh", "-c", script], env=environment, check=False).returncode == 0
