"""What the lab adds to the fleet: a release of the clavitor stand-in, Uptime Kuma, the controller as an operator."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from estate.edge.keys import keys_path
from lab.errors import LabError
from lab.hosts import HUB
from lab.images import kuma
from lab.mesh import OPERATOR
from lab.paths import REPO, LabPaths
from lab.run import as_root, have, run
from lab.standins.clavitor.build import build

VERSION = "0.1.0"
IN_MESH = "already in the mesh"
INTERFACE = "estate-lab"
"""The controller's interface in the mesh; wg-quick names it after its file."""


def ensure(paths: LabPaths, note: Callable[[str], None]) -> str:
    """Make what is missing; says what there is."""
    target = paths.artifacts / VERSION / "clavitor"
    digest = build(VERSION, target)
    release = {"version": VERSION, "path": str(target.relative_to(REPO)), "sha256": digest}
    glass = _break_glass(paths)
    text = json.dumps({"break_glass": glass, "operator": _public_key(paths), "release": release}, indent=2) + "\n"
    if not paths.mesh.exists() or paths.mesh.read_text() != text:
        paths.mesh.write_text(text)
    return f"clavitor {VERSION}; Uptime Kuma {_kuma(paths, note)}"


def _kuma(paths: LabPaths, note: Callable[[str], None]) -> str:
    """Unpack Uptime Kuma where the hub's container looks for it; its version."""
    mark = paths.kuma / ".estate-lab"
    archive = kuma.archive()
    if not mark.exists() or mark.read_text() != archive.name:
        note(f"unpacking {archive.name}")
        shutil.rmtree(paths.kuma, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=paths.root) as scratch:
            kuma.unpack(Path(scratch)).rename(paths.kuma)
        mark.write_text(archive.name)
    return kuma.version()


def _break_glass(paths: LabPaths) -> str:
    """The public half of the key for the day on which the hub is gone."""
    private = paths.wireguard / "break-glass"
    if not private.exists():
        private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "break-glass", "-f", str(private)])
    return private.with_name("break-glass.pub").read_text().strip()


def _public_key(paths: LabPaths) -> str:
    """The controller's public key; its private key is made once, for its owner alone."""
    private = paths.wireguard / "private.key"
    if not private.exists():
        paths.wireguard.mkdir(parents=True, exist_ok=True, mode=0o700)
        private.touch(mode=0o600)
        private.write_bytes(run(["wg", "genkey"]).stdout.encode())
    return run(["wg", "pubkey"], stdin=private.read_bytes()).stdout.strip()


def join(paths: LabPaths) -> str:
    """Bring the controller into the mesh by wg-quick, as an operator's laptop is; says what was done."""
    from estate.inventory import load
    from estate.render.operator import wg_quick

    estate = load(REPO / "inventories" / "lab.py")
    mesh = estate.mesh
    assert mesh is not None  # noqa: S101 - the lab has a fleet
    (me,) = (operator for operator in mesh.operators if operator.name == OPERATOR)
    # The controller does not ask the lab's name server
    near = mesh.model_copy(update={"endpoint": mesh.hub.address})
    text = wg_quick(near, me, estate.keys, paths.wireguard / "private.key")
    config = paths.wireguard / f"{INTERFACE}.conf"
    up = run(["ip", "link", "show", INTERFACE], check=False).ok
    if up and config.exists() and config.read_text() == text:
        return IN_MESH
    leave(paths)
    config.touch(mode=0o600)
    config.write_text(text)
    run(as_root(["wg-quick", "up", str(config)]))
    return f"in the mesh as {mesh.address(me)}"


def leave(paths: LabPaths) -> None:
    """Take the controller's interface away, if it is there, whichever checkout made it."""
    if have("ip") and run(["ip", "link", "show", INTERFACE], check=False).ok:
        run(as_root(["ip", "link", "delete", INTERFACE]), check=False)


def _call(*words: str) -> None:
    """A command of this checkout, its output for the reader. Raises LabError when it fails."""
    argv = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
    if code := subprocess.run(argv, cwd=REPO, check=False).returncode:
        raise LabError(f"`{' '.join(words)}` ended with {code}", "read what it says above; run this again")


def found(paths: LabPaths) -> None:
    """Make a fleet of the machines, by the commands of docs/edge.md; a node that is one already is left alone."""
    inventory = "inventories/lab.py"
    keys = keys_path("lab")
    before = keys.read_text() if keys.exists() else ""
    _call("estate", "edge", "install", inventory, HUB)
    joined = join(paths)
    hub_is_new = (keys.read_text() if keys.exists() else "") != before
    if hub_is_new or joined != IN_MESH:
        _call("pyinfra", "-y", inventory, "deploy.py", "--limit", HUB)
    after_hub = keys.read_text()
    _call("estate", "edge", "install", inventory)
    if keys.read_text() != after_hub:
        # Their peers: without them no spoke is reached in the mesh
        _call("pyinfra", "-y", inventory, "deploy.py", "--limit", HUB)
