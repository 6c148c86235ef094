"""The measurements of `make audit`: their parsers, and that each of them can fail."""

import json
import subprocess

import pytest
from factories import mainframe, stack

from estate.models.desired import Desired, File, Tree
from estate.models.host_parts import OpenPort
from lab.audit import cis, engine_facts, lynis, ports, secret_files, sshaudit
from lab.audit.__main__ import details
from lab.audit.remote import sections
from lab.errors import LabError


def verdicts(checks):
    return [check.passed for check in checks]


def test_sections_are_split():
    assert sections("ignored\n@@a\n1\n\n2\n@@b\n@@a\n3\n") == {"a": ["1", "2", "3"], "b": []}


def test_a_lynis_report_is_read():
    lines = [
        "warning[]=NETW-1|Something is open|-|-|",
        "hardening_index=79",
        "suggestion[]=KRNL-6000|Tweak it||x|",
        "suggestion[]=SSH-1|Tweak|this|",
    ]
    report = lynis.parse(lines)
    assert report == lynis.Report(79, ("NETW-1: Something is open",), ("KRNL-6000: Tweak it", "SSH-1: Tweak (this)"))
    assert verdicts(lynis.checks(report)) == [False, False]
    assert details(lynis.checks(report))[-2].endswith("SSH-1: Tweak (this)")
    assert verdicts(lynis.checks(lynis.Report(80))) == [True, True]


def test_a_lynis_that_did_not_finish_is_no_result():
    with pytest.raises(LabError, match="no index"):
        lynis.parse(["warning[]=A|b|"])


def test_the_lynis_profile_names_only_what_is_the_machines():
    names = [line.partition("=")[2] for line in lynis.PROFILE.read_text().splitlines() if not line.startswith("#")]
    assert all(name in ("USB-3000", "FIRE-4512") or name.startswith("KRNL-6000:") for name in names)
    keys = [name.partition(":")[2] for name in names if ":" in name]
    assert all(key.startswith(("kernel.", "fs.", "dev.")) for key in keys)
    assert lynis.PROFILE.read_text().rstrip() in lynis.script(lynis.PROFILE.read_text())


def test_failing_algorithms_are_named():
    scan = {
        "kex": [
            {"algorithm": "good", "notes": {"info": ["since 6.5"]}},
            {"algorithm": "ecdh-sha2-nistp256", "notes": {"fail": ["suspected"], "warn": ["no pq"]}},
        ],
        "mac": [{"algorithm": "hmac-sha1", "notes": {"fail": ["broken"]}}],
    }
    assert sshaudit.failing(scan) == ["kex ecdh-sha2-nistp256: suspected", "mac hmac-sha1: broken"]
    assert sshaudit.failing(scan, "warn") == ["kex ecdh-sha2-nistp256: no pq"]


def test_what_is_against_the_policy_is_named():
    assert sshaudit.violations({"passed": True, "errors": []}) == []
    assert sshaudit.violations({"passed": False, "errors": [{"mismatched_field": "MACs", "actual": ["a"]}]}) == [
        "MACs: ['a']"
    ]
    assert len(sshaudit.violations({})) == 1


def test_the_policy_that_ships_is_the_one_that_is_rendered():
    assert sshaudit.POLICY.read_text() == sshaudit.policy_text()


SS = """\
udp   UNCONN 0 0   127.0.0.54:53        0.0.0.0:* users:(("systemd-resolve",pid=1,fd=2))
tcp   LISTEN 0 128 0.0.0.0:22           0.0.0.0:* users:(("sshd",pid=2,fd=3))
tcp   LISTEN 0 128 [::]:22                 [::]:* users:(("sshd",pid=2,fd=4))
tcp   LISTEN 0 128 [::1]:631               [::]:*
tcp   LISTEN 0 128 172.28.0.1:9100      0.0.0.0:* users:(("node_exporter",pid=9,fd=3))
tcp   LISTEN 0 128 127.0.0.1%lo:44321   0.0.0.0:* users:(("containerd",pid=3,fd=8))
tcp   LISTEN 0 5   *:5000                     *:* users:(("perl",pid=7,fd=3))
""".splitlines()


def test_listeners_are_read_without_those_on_the_loopback():
    assert [(item.port, item.process) for item in ports.parse(SS)] == [
        (22, "sshd"),
        (22, "sshd"),
        (5000, "perl"),
        (9100, "node_exporter"),
    ]


def test_an_undeclared_listener_is_named():
    host = mainframe(open_ports=(OpenPort(port=5000),))
    assert ports.check(host, stack(), SS).passed
    check = ports.check(mainframe(), stack(), SS)
    assert not check.passed
    assert check.details == ("tcp *:5000 (perl)",)
    assert not ports.check(host, None, SS).passed, "nobody scrapes a host without a stack"


def test_an_open_port_counts_for_its_protocol_only():
    lines = ["udp UNCONN 0 0 0.0.0.0:5000 0.0.0.0:*"]
    assert not ports.check(mainframe(open_ports=(OpenPort(port=5000),)), None, lines).passed


def test_declared_secret_files_are_those_with_a_mask():
    tree = Tree((File("/a", b"x", mask="whole"), File("/b", b"x")))
    assert secret_files.declared([Desired("t", tree=tree)]) == ["/a"]


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Runs the script against folders of the test's own; returns what it prints."""
    monkeypatch.setattr(secret_files, "FOLDERS", (str(tmp_path / "opt"),))
    monkeypatch.setattr(secret_files, "SEARCHED", (str(tmp_path / "etc"),))

    def run(files, declared=()):
        for name, (text, mode) in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)
        script = secret_files.script(str(tmp_path / name) for name in declared)
        done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)
        return [line.removeprefix(f"{tmp_path}/") for line in sections(done.stdout)["secrets"]]

    return run


def test_secrets_that_others_may_read_are_found(found):
    key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n"
    files = {
        "opt/compose/.env": ("A=1", 0o644),
        "opt/secrets/redis/auth.conf": ("x", 0o644),
        "opt/secrets/redis/closed": ("x", 0o600),
        "opt/compose/caddy/Caddyfile": ("x", 0o644),
        "opt/data/noise.key": ("x", 0o604),
        "etc/some.conf": (key, 0o644),
        "etc/closed.conf": (key, 0o600),
        "etc/pam.d/common-password": ("password required", 0o644),
        "opt/declared": ("x", 0o640),
    }
    assert sorted(found(files, ["opt/declared", "opt/missing"])) == [
        "etc/some.conf",
        "opt/compose/.env",
        "opt/data/noise.key",
        "opt/declared",
        "opt/secrets/redis/auth.conf",
    ]


def test_no_secret_is_found_where_there_is_none(found):
    check = secret_files.check(found({"etc/hosts": ("127.0.0.1 localhost", 0o644)}))
    assert check.passed
    assert not secret_files.check(["/opt/prodg/compose/.env"]).passed


def container(name="redis", **host):
    settings = {
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Memory": 1,
        "NanoCpus": 1,
        "PidsLimit": 64,
        "ReadonlyRootfs": True,
        "NetworkMode": "prodg-internal",
        "RestartPolicy": {"Name": "unless-stopped"},
    }
    return {
        "Id": f"{name}-id",
        "Name": f"/{name}",
        "Config": {"Image": f"docker.io/library/{name}:7.4"},
        "State": {"Health": {"Status": "healthy"}},
        "Mounts": host.pop("mounts", []),
        "HostConfig": settings | host,
    }


def engine(*containers, info=None, config=None, bridge="false", processes=()):
    seen = {
        "docker-present": ["yes"],
        "docker-config": [
            json.dumps({"icc": False, "no-new-privileges": True, "userland-proxy": False} | (config or {}))
        ],
        "docker-command": ["/usr/sbin/dockerd -H fd://"],
        "docker-info": [
            json.dumps(
                {
                    "Driver": "overlay2",
                    "LoggingDriver": "json-file",
                    "LiveRestoreEnabled": True,
                    "SecurityOptions": ["name=seccomp,profile=builtin"],
                    "Swarm": {"LocalNodeState": "inactive"},
                }
                | (info or {})
            )
        ],
        "docker-bridge": [json.dumps({"Options": {"com.docker.network.bridge.enable_icc": bridge}})],
        "docker-containers": [json.dumps(item) for item in containers],
        "docker-processes": list(processes),
    }
    return engine_facts.parse(seen)


def open_(found):
    return [line.partition(" ")[0] for line in cis.evaluate(found)[0]]


def test_a_confined_container_and_a_tidy_daemon_have_only_justified_exceptions():
    lines, justified = cis.evaluate(engine(container()))
    assert lines == []
    assert {line.partition(" ")[0] for line in justified} == {"2.1", "2.8", "2.9", "2.12", "2.13", "5.3", "5.15"}


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        ("5.4", {"CapDrop": []}),
        ("5.4+", {"CapAdd": ["SYS_ADMIN"]}),
        ("5.5", {"Privileged": True}),
        ("5.6", {"mounts": [{"Type": "bind", "Source": "/etc"}]}),
        ("5.8", {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]}}),
        ("5.10", {"NetworkMode": "host"}),
        ("5.11", {"Memory": 0}),
        ("5.12", {"NanoCpus": 0}),
        ("5.13", {"ReadonlyRootfs": False}),
        ("5.14", {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}),
        ("5.16", {"PidMode": "host"}),
        ("5.17", {"IpcMode": "host"}),
        ("5.18", {"Devices": [{"PathOnHost": "/dev/kmsg"}]}),
        ("5.19", {"Ulimits": [{"Name": "nofile"}]}),
        ("5.20", {"mounts": [{"Type": "bind", "Source": "/x", "Propagation": "rshared"}]}),
        ("5.21", {"UTSMode": "host"}),
        ("5.22", {"SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"]}),
        ("5.25", {"CgroupParent": "/x"}),
        ("5.26", {"SecurityOpt": []}),
        ("5.29", {"PidsLimit": None}),
        ("5.30", {"NetworkMode": "bridge"}),
        ("5.31", {"UsernsMode": "host"}),
        ("5.32", {"mounts": [{"Type": "bind", "Source": "/var/run/docker.sock"}]}),
    ],
)
def test_each_container_rule_can_fail(number, changed):
    assert open_(engine(container(**changed))) == [number]


def test_rules_that_look_elsewhere_can_fail():
    unhealthy = container() | {"State": {}}
    latest = container() | {"Config": {"Image": "redis:latest"}}
    assert open_(engine(unhealthy)) == ["5.27"]
    assert open_(engine(latest)) == ["5.28"]
    assert open_(engine(container(), processes=["redis-id sshd"])) == ["5.7"]
    assert open_(engine(info={"Swarm": {"LocalNodeState": "active"}})) == ["5.1"]
    confined = {"SecurityOptions": ["name=seccomp", "name=apparmor"]}
    assert open_(engine(container(), info=confined)) == ["5.2"]


@pytest.mark.parametrize(
    ("number", "spoilt"),
    [
        ("2.2", {"config": {"icc": True}}),
        ("2.3", {"config": {"log-level": "debug"}}),
        ("2.4", {"config": {"iptables": False}}),
        ("2.5", {"config": {"insecure-registries": ["x:5000"]}}),
        ("2.6", {"info": {"Driver": "aufs"}}),
        ("2.7", {"config": {"hosts": ["tcp://0.0.0.0:2375"]}}),
        ("2.10", {"config": {"cgroup-parent": "/x"}}),
        ("2.11", {"config": {"storage-opts": ["dm.basesize=20G"]}}),
        ("2.14", {"config": {"no-new-privileges": False}}),
        ("2.15", {"info": {"LiveRestoreEnabled": False}}),
        ("2.16", {"config": {"userland-proxy": True}}),
        ("2.17", {"info": {"SecurityOptions": []}}),
        ("2.18", {"info": {"ExperimentalBuild": True}}),
    ],
)
def test_each_daemon_rule_can_fail(number, spoilt):
    assert open_(engine(**spoilt)) == [number]


def test_a_bridge_that_still_lets_containers_talk_counts_once_somebody_is_on_it():
    assert open_(engine(container(), bridge="true")) == []
    assert open_(engine(container(NetworkMode="bridge"), bridge="true")) == ["2.2", "5.30"]


def test_published_ports_are_held_to_the_declaration():
    published = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "80"}]}}
    found = engine(container("caddy", **published))
    assert cis.undeclared_ports(found, [OpenPort(port=80)]) == []
    assert cis.undeclared_ports(found, []) == ["5.9 only needed ports: tcp 80"]
    assert cis.undeclared_ports(engine(), [OpenPort(port=80)]) == ["5.9 only needed ports: tcp 80"]


def test_a_missing_engine_is_a_fault_only_where_the_estate_has_one():
    assert engine_facts.parse({"docker-present": []}) is None
    assert verdicts(cis.checks(None, stack())) == [False]
    assert list(cis.checks(None, None)) == []


def test_every_exception_belongs_to_a_rule_and_says_why():
    numbers = {rule.number for rule in cis.rules()}
    assert {number for number, _ in cis.EXCEPTIONS} <= numbers
    assert all(len(why) > 15 for why in cis.EXCEPTIONS.values())
