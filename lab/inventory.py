"""The lab's hosts as inventory groups: production's names and data at the lab's addresses."""

import os
from typing import Any, get_args

from lab.homelab import BARE_NODE, BARE_VPS, container_data, node_data
from lab.hosts import ACME_NAME, B2_ENDPOINT, CONTROLLER, LabHost, Profile, select
from lab.mesh import lab_mesh
from lab.paths import lab_paths

_ACME_DIRECTORY = f"https://{ACME_NAME}/acme/local/directory"

PLACEHOLDER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGO6YLKVSPIKIcnZru1Sz8yXV34/HMzaSJlN/v5Y+GMK replace-me@estate"
"""Stands for the lab's key before the first `estate lab up`, so that rendering works without a lab."""


def current_profile() -> Profile:
    """The profile of the running lab; the default one when there is none."""
    path = lab_paths().profile
    name = path.read_text().strip() if path.exists() else "default"
    return next((profile for profile in get_args(Profile) if profile == name), "default")


def _data(host: LabHost) -> dict[str, Any]:
    data: dict[str, Any] = {"ssh_hostname": host.login_address}
    number = int(host.address.rpartition(".")[2])
    if host.group == "edge":
        data["mesh"] = lab_mesh()
    if current_profile() == "default" and host.group in ("proxmox", "vps"):
        return data | (BARE_NODE if host.group == "proxmox" else BARE_VPS)
    if host.group in ("homelab", "proxmox", "vps"):
        # No Telegram here: what the hosts watch is in their journals. Certificates last half a day, and
        # one machine does the work of all hosts
        data["watch"] = {"telegram_api": "", "certificate_days": 0, "response": 15}
    if host.group == "homelab":
        data |= container_data(host.name, 100 + number, registry_mirrors())
    if host.group == "proxmox":
        data |= node_data(host.name)
    if host.group in ("mainframe", "vps"):
        ca = lab_paths().ca_cert
        data["tls"] = {
            "email": "lab@example.org",
            "directory": _ACME_DIRECTORY,
            "ca_root": ca.read_text() if ca.exists() else None,
        }
        data["docker"] = {"source": "distribution", "registry_mirrors": registry_mirrors()}
    if host.group == "mainframe":
        data["backups"] = backups()
    if host.group == "vps":
        data["backups"] = backups("VpsBackup", "/opt/edge")
        data["fail2ban"] = {"ignore": [f"{CONTROLLER}/32"]}
        data["public_address"] = host.address
    return data


def backups(bucket: str = "MainframeBackup", root: str = "/opt/prodg") -> dict[str, Any]:
    """Where the lab's backups go: B2's stand-in over S3, and the host's own disk."""
    b2 = {"kind": "rclone", "name": "b2", "type": "s3", "bucket": bucket, "endpoint": B2_ENDPOINT}
    local = {"kind": "directory", "name": "local", "path": f"{root}/backups/sets", "keep_newest": 2}
    # A lab has its sets when a test makes them, and nobody drills it every week
    return {"stores": [b2, local], "drill": {"refuse_after": 0}, "schedules": {"delay": 0}}


def registry_mirrors() -> list[str]:
    """The mirrors that the lab's engines use: its own registry, or none with LAB_IMAGES=upstream."""
    return [] if os.environ.get("LAB_IMAGES") == "upstream" else ["https://mirror.lab"]


def inventory_hosts(group: str) -> list[tuple[str, dict[str, Any]]]:
    """The hosts of one group, as pyinfra's inventory wants them."""
    return [(host.name, _data(host)) for host in select(current_profile()) if host.group == group]


def public_key() -> str:
    """The lab's public key, or the placeholder while there is none."""
    path = lab_paths().public_key
    return path.read_text().strip() if path.exists() else PLACEHOLDER_KEY
