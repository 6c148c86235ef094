"""What the tests of the fleet have in common: how a node is asked, and what it runs."""

import json
import subprocess
import time

import httpx
from estate_copy import BIN, REPO, inside

from estate.inventory import load

NODES = ("zurich", "tokyo", "amsterdam")
CANARY, SPOKE, HUB = "amsterdam", "tokyo", "zurich"
PUBLIC = {"zurich": "10.99.0.101", "tokyo": "10.99.0.102", "amsterdam": "10.99.0.115"}
FLEET = ("--limit", "edge")


def runs(name):
    """The generation and the release that a node runs."""
    text = inside(name, "readlink -f /run/current-system; readlink /opt/clavitor/current")
    return tuple(text.split())


def all_run():
    return {name: runs(name) for name in NODES}


def public(timeout=5):
    """A customer who asks an address; that the certificate is right is for the verification to say."""
    return httpx.Client(verify=False, timeout=timeout, trust_env=False)  # noqa: S501


def health(name, timeout=5, within=0.0):
    """What the node's public site answers; a node that does not answer, even `within` seconds, has status 0."""
    end = time.monotonic() + within
    while True:
        try:
            with public(timeout) as client:
                return client.get(f"https://{PUBLIC[name]}/health").status_code
        except httpx.HTTPError:
            if time.monotonic() > end:
                return 0
            time.sleep(0.5)


def keep(name, key, value):
    """Put a record into the node's vault."""
    with public() as client:
        client.put(f"https://{PUBLIC[name]}/api/vault/{key}", content=value).raise_for_status()


def kept(name, key):
    """The record, as the node's vault has it."""
    with public() as client:
        return client.get(f"https://{PUBLIC[name]}/api/vault/{key}").json()["value"]


def bridge():
    """What the hub knows of every node."""
    mesh = load(REPO / "inventories" / "lab.py").mesh
    url = f"http://{mesh.address(mesh.hub)}:{mesh.bridge_port}/status"
    with httpx.Client(timeout=5, trust_env=False) as client:
        return client.get(url).json()["nodes"]


def in_mesh(name, seconds=0.0):
    """Whether the node answers over the mesh, at the latest after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        argv = ["ssh", "-F", str(REPO / ".lab" / "ssh_config"), "-o", "ConnectTimeout=3", name, "true"]
        if subprocess.run(argv, capture_output=True).returncode == 0:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.5)


def docker(*words):
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def status():
    """`estate edge status --json`: its exit code, and what it says of each node."""
    argv = [str(BIN / "estate"), "edge", "status", "inventories/lab.py", "--json"]
    result = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, timeout=120)
    return result.returncode, {node["name"]: node for node in json.loads(result.stdout)["nodes"]}
