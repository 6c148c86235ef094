"""`pct migrate`: the images go to the other node over SSH as root, then the configuration changes hands."""

import subprocess
from pathlib import Path
from typing import Any

from lab.standins.proxmox import cluster, guests, power, storage, volumes
from lab.standins.proxmox.ctconf import Config
from lab.standins.proxmox.errors import PveError
from lab.standins.proxmox.node import Node

RECEIVE = ("/usr/sbin/pvesm", "import")
FORMAT = "tar+size"


def migrate(node: Node, values: dict[str, Any]) -> None:
    """Move a container; a running one is shut down and started there (`--restart`). Raises PveError."""
    vmid, target = values["vmid"], values["target"]
    node.need_quorum()
    if target == node.name:
        raise PveError("Target is local node.")
    other = cluster.member(node, target)
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_lock(config)
        running = node.backend.usage(vmid) is not None
        if running and not values.get("restart"):
            if values.get("online"):
                raise PveError("lxc live migration is currently not implemented")
            raise PveError("can't migrate running container without --online or --restart")
        found = _volumes(node, vmid, config)
        guests.set_lock(node, vmid, "migrate")
        try:
            _log(node, f"starting migration of CT {vmid} to node '{target}' ({other.address})")
            if node.backend.remote(target, other.address, ["/bin/true"]):
                raise PveError("Can't connect to destination address using public key")
            if running:
                _log(node, f"shutdown CT {vmid}")
                power.halt(node, vmid, int(values.get("timeout") or 180), force=True)
            _send(node, other, found)
        except PveError:
            guests.set_lock(node, vmid, "")
            if running and not node.backend.usage(vmid):
                _log(node, "start container on source node")
                power.launch(node, vmid, guests.load(node, vmid))
            raise
        guests.set_lock(node, vmid, "")
        _hand_over(node, vmid, target)
        for _, path in found:
            path.unlink()
    _log(node, "start final cleanup")
    if running:
        _log(node, f"start container on target node '{target}'")
        if node.backend.remote(target, other.address, ["/usr/sbin/pct", "start", str(vmid)]):
            raise PveError("migration problems: the container does not start on the target node")
    _log(node, "migration finished successfully")


def _log(node: Node, text: str) -> None:
    node.say(f"{node.now():%Y-%m-%d %H:%M:%S} {text}")


def _volumes(node: Node, vmid: int, config: Config) -> list[tuple[str, Path]]:
    """The volumes that have to be sent; those of shared storages stay where they are."""
    found = []
    for key, text in config.volumes().items():
        volume = text.partition(",")[0]
        if volume.startswith("/"):
            if "shared=1" not in text.split(","):
                raise PveError(f"cannot migrate local bind mount point '{key}'")
            continue
        one, name = storage.resolve(node, volume)
        if one.kind == "nfs":
            continue
        if volumes.owned(node, vmid, text) is None:
            raise PveError("owned by other guest")
        if config.snapshots and one.kind != "zfspool":
            raise PveError("can't migrate CT - check log: non-migratable snapshot exists")
        found.append((volume, one.path(name)))
    return found


def _send(node: Node, other: cluster.Member, found: list[tuple[str, Path]]) -> None:
    for volume, path in found:
        _log(node, f"found local volume '{volume}' (in current VM config)")
        argv = [*RECEIVE, volume, FORMAT, "-"]
        if node.backend.remote(other.name, other.address, argv, stdin=path):
            raise PveError(f"storage migration for '{volume}' to storage '{volume.partition(':')[0]}' failed")
        _log(node, f"volume '{volume}' is '{volume}' on the target")


def _hand_over(node: Node, vmid: int, target: str) -> None:
    new = node.pve / f"nodes/{target}/lxc/{vmid}.conf"
    new.parent.mkdir(parents=True, exist_ok=True)
    (node.pve / guests.name(node, vmid)).rename(new)


def receive(node: Node, volume: str, stream: int) -> None:
    """The other side: unpack a tar stream as a volume of this node. Raises PveError; nothing partial stays."""
    one, name = storage.resolve(node, volume)
    one.activate()
    path = one.path(name)
    if path.exists():
        raise PveError(f"volume '{volume}' already exists")
    scratch = path.parent / f".receive-{path.name}"
    scratch.mkdir(parents=True)
    try:
        argv = ["tar", "x", "--sparse", "--use-compress-program", "zstd -d", "-C", str(scratch)]
        done = subprocess.run(argv, stdin=stream, check=False, capture_output=True)
        files = list(scratch.iterdir())
        if done.returncode or len(files) != 1:
            raise PveError(f"import of '{volume}' failed: {done.stderr.decode(errors='replace').strip()}")
        files[0].rename(path)
    finally:
        for left in scratch.iterdir():
            left.unlink()
        scratch.rmdir()
