"""Contract of the cAdvisor stand-in: containers by name, from cgroups of either version."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lab.standins.cadvisor.__main__ import flags
from lab.standins.cadvisor.app import collect, create
from lab.standins.cadvisor.containers import Roots

ID = "c" * 64


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    state = {"Running": True, "Pid": 42, "StartedAt": "2026-11-21T01:40:05.1Z"}
    config = {"ID": ID, "Name": "/web", "State": state, "Config": {"Image": "x:1", "Labels": {"a.b": "c"}}}
    stopped = {**config, "State": {"Running": False}, "Name": "/gone"}
    head = "Inter-|   Receive\n face |bytes\n"
    put(
        tmp_path,
        {
            f"docker/containers/{ID}/config.v2.json": json.dumps(config),
            "docker/containers/dead/config.v2.json": json.dumps(stopped),
            "proc/42/net/dev": f"{head}  lo: 9 0 0 0 0 0 0 0 9\neth0: 100 0 0 0 0 0 0 0 200\n",
        },
    )
    return Roots(tmp_path / "docker", tmp_path / "cgroup", tmp_path / "proc")


VERSION_1 = {
    f"cpuacct/docker/{ID}/cpuacct.usage": "1500000000\n",
    f"memory/docker/{ID}/memory.usage_in_bytes": "1000\n",
    f"memory/docker/{ID}/memory.limit_in_bytes": "9223372036854771712\n",
    f"memory/docker/{ID}/memory.stat": "total_inactive_file 400\n",
    f"blkio/docker/{ID}/blkio.throttle.io_service_bytes": "8:0 Read 1\n8:0 Write 7\nTotal 8\n",
}
GROUP = f"system.slice/docker-{ID}.scope"
VERSION_2 = {
    "cgroup.controllers": "cpu memory io\n",
    f"{GROUP}/cpu.stat": "usage_usec 1500000\n",
    f"{GROUP}/memory.current": "1000\n",
    f"{GROUP}/memory.max": "max\n",
    f"{GROUP}/memory.stat": "inactive_file 400\n",
    f"{GROUP}/io.stat": "8:0 rbytes=1 wbytes=7 rios=1\n",
}


@pytest.mark.parametrize("files", [VERSION_1, VERSION_2], ids=["v1", "v2"])
def test_the_figures_are_the_cgroups(roots: Roots, files: dict[str, str]) -> None:
    put(roots.cgroup, files)
    selector = f'id="/docker/{ID}",image="x:1",name="web"'
    assert {line for line in collect(roots, labels=False, now=lambda: 7.0).splitlines() if line[0] != "#"} == {
        f"container_last_seen{{{selector}}} 7",
        f"container_start_time_seconds{{{selector}}} 1795225205.0",
        f'container_cpu_usage_seconds_total{{{selector},cpu="total"}} 1.5',
        f"container_memory_usage_bytes{{{selector}}} 1000",
        f"container_memory_working_set_bytes{{{selector}}} 600",
        f"container_spec_memory_limit_bytes{{{selector}}} 0",
        f"container_fs_writes_bytes_total{{{selector}}} 7",
        f'container_network_receive_bytes_total{{{selector},interface="eth0"}} 100',
        f'container_network_transmit_bytes_total{{{selector},interface="eth0"}} 200',
    }


def test_what_cannot_be_read_is_left_out(roots: Roots) -> None:
    text = collect(roots, labels=True)
    assert "container_last_seen" in text
    assert 'container_label_a_b="c"' in text
    assert "container_memory" not in text


def test_paths(roots: Roots) -> None:
    client = TestClient(create(roots, labels=False))
    assert client.get("/healthz").text == "ok"
    assert client.get("/api/v1.3/machine").json()["num_cores"] >= 1
    assert 'name="web"' in client.get("/metrics").text


def test_unknown_flags_are_refused() -> None:
    assert flags(["-logtostderr", "--port=8085"]) == {"logtostderr": "true", "port": "8085"}
    with pytest.raises(SystemExit):
        flags(["--prot=8085"])
