"""A Proxmox node to test with: declarations, and fake tools that scripts run against."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from estate.facts.proxmox import parsed, read_script
from estate.models.host import HomelabHost, ProxmoxHost
from estate.models.host_parts import Resources, User
from estate.plan.proxmox_state import PveState

TOOLS = ("pvesh", "pct", "pveam", "pvesm", "pveum", "pvecm", "hostname")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0000000000000000000000000000000000000000 ops"
TEMPLATE = "debian-12-standard_12.12-1_amd64.tar.zst"
GIB = 1024**3
_HOST: dict[str, Any] = {"users": (User(name="mitch", admin=True), User(name="prodg", uid=1000)), "admin_keys": (KEY,)}


def node(**over: Any) -> ProxmoxHost:
    """A node with the shape of production's."""
    values: dict[str, Any] = {
        **_HOST,
        "name": "dl380p",
        "group": "proxmox",
        "address": "192.0.2.31",
        "resources": Resources(cpus=32, memory="96g"),
        "leader": "dl380p",
        "capacity": {"local-lvm": "400g"},
    }
    return ProxmoxHost.model_validate(values | over)


def container(name: str = "postgres", number: int = 41, **over: Any) -> HomelabHost:
    """A container with the shape of production's."""
    values: dict[str, Any] = {
        **_HOST,
        "name": name,
        "group": "homelab",
        "address": f"192.0.2.{number}",
        "resources": {"cpus": 2, "memory": "4g"},
        "vmid": 100 + number,
        "node": "dl380p",
        "rootfs": {"storage": "local-lvm", "size": "20g"},
        "network": {"network": "192.0.2.0/24", "gateway": "192.0.2.1"},
        "features": ("nesting", "keyctl"),
    }
    return HomelabHost.model_validate(values | over)


class Node:
    """A node in a directory."""

    def __init__(self, root: Path, **over: Any) -> None:
        self.root, self.file = root, root / "state.json"
        tools = root / "bin"
        tools.mkdir()
        for name in TOOLS:
            # Without site and environment: a node is read by a score of calls
            fake = Path(__file__).with_name("fake_pve.py")
            (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} -IS {fake} {name} "$@"\n')
            (tools / name).chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"
        state: dict[str, Any] = {
            "node": "dl380p",
            "nodes": ["dl380p"],
            "guests": {},
            "configs": {},
            "status": [{"storage": "local-lvm", "active": 1, "avail": 300 * GIB, "total": 400 * GIB}],
            "storages": {"local": {"type": "dir", "path": "/var/lib/vz", "content": "vztmpl,iso"}},
            "jobs": {},
            "realms": {"pam": {"type": "pam"}},
            "roles": {"PVEAdmin": "VM.Audit,Sys.Audit"},
            "groups": {},
            "users": {"root@pam": {}},
            "tokens": [],
            "acl": [],
            "available": ["debian-12-standard_12.7-1_amd64.tar.zst", TEMPLATE],
            "downloaded": [],
        }
        self.write(state | over)

    def write(self, state: dict[str, Any]) -> None:
        """Make this the node's state."""
        self.file.write_text(json.dumps(state))

    @property
    def state(self) -> dict[str, Any]:
        """The node's state."""
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def calls(self) -> list[str]:
        """What was called, in order."""
        file = self.root / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def run(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a script of ours on it: its paths in our directory."""
        text = re.sub(r"PATH=/usr/local/sbin:\S*", f"PATH={self.path}", script)
        text = text.replace("/var/lib/estate", str(self.root / "estate")).replace("/etc/pve", str(self.root / "pve"))
        environment = os.environ | {"FAKE_PVE": str(self.file), "PYTHON": sys.executable}
        return subprocess.run(
            ["sh", "-c", text], input=stdin, env=environment, capture_output=True, text=True, check=False
        )

    def read(self, declared: ProxmoxHost, *containers: HomelabHost) -> PveState:
        """The node's state as the fact has it."""
        result = self.run(read_script(declared, containers))
        assert result.returncode == 0, result.stderr
        return parsed(result.stdout.splitlines())
