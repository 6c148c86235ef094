"""The fleet as the lab has it: production's declaration, with the lab's addresses, times and release."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from estate.edge.inventory import declared_mesh
from lab.hosts import ACME_NAME, B2_ENDPOINT, B2_REGION, CONTROLLER, ROAD, by_name, select
from lab.paths import REPO, lab_paths
from lab.road import FIRST_PORT
from lab.rootfs import NIXPKGS, NIXPKGS_ON_HOST

FILES = Path(__file__).resolve().parent / "files"
_PLACEHOLDER_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""Stands for the operator's before the first `estate lab up`, so that rendering works without a lab."""
OPERATOR = "lab"
_TIMES: dict[str, Any] = {
    # So that a test need not wait as a person would
    # The lab's certificates live for twelve hours
    "telemetry": {"interval": 2, "sev2_after": 20, "sev1_after": 60, "cert_days": 0},
    "rollout": {"soak": 4, "health_timeout": 25, "steady": 5, "revert_after": 45, "at_once": 2},
}


def additions() -> dict[str, Any]:
    """What the running lab adds (lab/fleet.py writes it); placeholders while there is no lab."""
    path = lab_paths().mesh
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return {
        "break_glass": "",
        "operator": _PLACEHOLDER_KEY,
        "release": {"version": "0.1.0", "path": "build/clavitor", "sha256": "0" * 64},
    }


def _node(node: dict[str, Any]) -> dict[str, Any]:
    host = by_name(node["name"])
    assert host is not None  # noqa: S101 - the lab has a host for every node of the declaration
    way = {} if node.get("role") == "hub" else {"endpoint": f"{ROAD}:{FIRST_PORT + node['index']}"}
    return node | {"address": host.address} | way


def lab_mesh() -> dict[str, Any]:
    """The mesh of the running profile's nodes, as plain values."""
    from lab.inventory import current_profile

    there = {host.name for host in select(current_profile()) if host.group == "edge"}
    extra = additions()
    mesh = declared_mesh(REPO) | _TIMES
    return mesh | {
        "nodes": [_node(node) for node in mesh["nodes"] if node["name"] in there],
        "operators": [{"name": OPERATOR, "index": 250, "public_key": extra["operator"]}],
        "release": extra["release"],
        "break_glass": {"keys": [extra["break_glass"]], "sources": [f"{CONTROLLER}/32"]}
        if extra["break_glass"]
        else {},
        # The stand-ins for nixos-infect and for Nix's installer lie where the script puts the real ones
        "first_boot": {
            "infect_sha256": sha256((FILES / "nixos-infect").read_bytes()).hexdigest(),
            "nix_sha256": sha256(b"").hexdigest(),
            "disk_mb": 500,
            "swap_mb": 0,
            "firmware": "any",
            "root_label": "",
        },
        "nixpkgs": NIXPKGS_ON_HOST,
        "offsite": mesh["offsite"] | {"kind": "s3", "endpoint": B2_ENDPOINT, "region": B2_REGION},
        # Of which the hosts have a copy
        "controller_nixpkgs": str(NIXPKGS),
        "acme_directory": f"https://{ACME_NAME}/acme/local/directory",
    }
