"""What defines a lab container, and what is done about one that exists."""

import dataclasses
import io
import json
import tarfile
from pathlib import Path

import pytest

from lab import containers, machines
from lab.containers import Container, Found, decide
from lab.hosts import HOSTS, by_name
from lab.paths import LabPaths

BASE = Container(
    name="estate-lab-x",
    hostname="x",
    address="10.99.0.9",
    image="sha256:1",
    command=("/init",),
    options=("--cap-add=CHOWN",),
    aliases=("x",),
    add_hosts=(("ghcr.io", "10.99.0.2"),),
    volumes=(("estate-lab-x-docker", "/var/lib/docker"),),
    seed={"/lab/seed/b": b"2", "/lab/seed/a": b"1"},
)


def test_create_arguments_in_full() -> None:
    assert BASE.create_arguments() == [
        "create",
        "--label=estate.lab=container",
        f"--label=estate.lab.inputs={BASE.digest}",
        "--name=estate-lab-x",
        "--hostname=x",
        "--network=estate-lab",
        "--ip=10.99.0.9",
        "--network-alias=x",
        "--add-host=ghcr.io:10.99.0.2",
        "--volume=estate-lab-x-docker:/var/lib/docker",
        "--cap-add=CHOWN",
        "sha256:1",
        "/init",
    ]


def test_the_digest_does_not_depend_on_the_order_of_the_seed() -> None:
    again = dataclasses.replace(BASE, seed=dict(reversed(list(BASE.seed.items()))))
    assert again.digest == BASE.digest == "e1db2cefab0833f8"


@pytest.mark.parametrize(
    "change",
    [
        {"image": "sha256:2"},
        {"command": ("/other",)},
        {"options": ()},
        {"add_hosts": ()},
        {"volumes": ()},
        {"seed": {"/lab/seed/a": b"1", "/lab/seed/b": b"other key"}},
    ],
)
def test_the_digest_depends_on_every_input(change: dict[str, object]) -> None:
    assert dataclasses.replace(BASE, **change).digest != BASE.digest  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "same", "outcome"),
    [
        ("running", True, "unchanged"),
        ("exited", True, "started"),
        ("paused", True, "started"),
        ("created", True, "recreated"),
        ("dead", True, "recreated"),
        ("running", False, "recreated"),
        ("exited", False, "recreated"),
    ],
)
def test_decision(state: str, same: bool, outcome: str) -> None:
    assert decide(BASE, Found(BASE.name, state, BASE.digest if same else "other")) == outcome


def test_a_container_that_is_not_there_is_created() -> None:
    assert decide(BASE, None) == "created"


def test_the_seed_is_a_private_tar_archive() -> None:
    with tarfile.open(fileobj=io.BytesIO(BASE.seed_tar())) as archive:
        assert [(entry.name, entry.mode) for entry in archive] == [
            ("lab/seed/a", 0o600),
            ("lab/seed/b", 0o600),
        ]


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabPaths:
    monkeypatch.setattr(machines, "machine_settings", lambda: "")
    monkeypatch.setattr(machines, "machine_authorities", lambda: {"corporate.crt": b"PEM"})
    made = LabPaths(tmp_path)
    for path in (made.public_key, made.ca_cert):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return made


def test_hosts_find_the_registries_at_the_lab_unless_images_come_from_upstream(paths: LabPaths) -> None:
    host = by_name("mainframe")
    assert host is not None
    lab = machines.machine(paths, host, "image", ["CHOWN"], upstream=False)
    upstream = machines.machine(paths, host, "image", ["CHOWN"], upstream=True)
    assert ("ghcr.io", "10.99.0.2") in lab.add_hosts
    assert upstream.add_hosts == (("acme.lab", "10.99.0.3"),)


def test_only_hosts_with_an_engine_have_a_volume_for_it(paths: LabPaths) -> None:
    for host in (host for host in HOSTS if host.is_machine):
        container = machines.machine(paths, host, "image", [], upstream=False)
        assert ("/var/lib/docker" in dict(container.volumes).values()) is host.needs_engine
        assert ("/lab/seed/no-engine" in container.seed) is not host.needs_engine


def test_the_seed_carries_the_key_and_the_authorities(paths: LabPaths) -> None:
    seed = machines.seed(paths, HOSTS[0])
    assert seed["/lab/seed/authorized_keys"] == b"id_ed25519.pub"
    assert seed["/lab/seed/ca/estate-lab.crt"] == b"ca.crt"
    assert seed["/lab/seed/ca/machine-corporate.crt"] == b"PEM"


def test_no_host_sets_a_sysctl_or_is_privileged() -> None:
    options = machines.options(["CHOWN"])
    assert not [option for option in options if "sysctl" in option or "privileged" in option]
    assert containers.INPUTS == "estate.lab.inputs"


def test_a_proxmox_node_keeps_its_containers_when_it_is_made_anew(paths: LabPaths) -> None:
    host = by_name("dl380p")
    assert host is not None
    node = machines.machine(paths, host, "image", [], upstream=False)
    assert node.keep_volumes
    assert dict(node.volumes) == {
        "estate-lab-pve": "/var/lib/pve-cluster",
        "estate-lab-dl380p-local": "/var/lib/vz",
        "estate-lab-dl380p-pool": "/var/lib/pve-standin",
        "estate-lab-nfs": "/var/lib/pve-standin/nfs/10.99.0.33/export",
    }
    assert not {"estate-lab-i5-pool"} & set(dict(node.volumes))


def test_a_proxmox_node_gets_the_stand_ins_and_what_it_stands_for(paths: LabPaths) -> None:
    host = by_name("i5")
    assert host is not None
    seed = machines.seed(paths, host)
    settings = json.loads(seed["/etc/estate-lab/proxmox.json"])
    assert (settings["cpus"], settings["memory"]) == (8, 8 * 1024**3)
    assert [node["name"] for node in settings["cluster"]["nodes"]] == ["dl380p", "i5"]
    assert b"STAND-IN" in seed["/opt/estate/lab/standins/proxmox/__init__.py"]
    guest = "/usr/share/estate-lab/guest/usr/local/share/ca-certificates"
    assert seed[f"{guest}/estate-lab.crt"] == b"ca.crt"
    assert seed[f"{guest}/corporate.crt"] == b"PEM"


def test_the_nfs_server_shares_its_export_with_the_nodes(paths: LabPaths) -> None:
    host = by_name("omv")
    assert host is not None
    nas = machines.machine(paths, host, "image", [], upstream=False)
    assert nas.volumes == (("estate-lab-nfs", "/export"),)
    assert "/export/backups/README" in nas.seed
