"""A node's generation, built for it: by the hub, or by the controller, which brings the hub what it lacks of it."""

import base64
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gevent.lock import RLock

from estate.inventory import Estate
from estate.models.desired import Desired, File
from estate.models.edge import Mesh
from estate.models.faults import EstateFaults, Fault
from estate.models.host import EdgeHost
from estate.remote import run_as_root, send_file
from estate.render.edge import CONFIGURATION, DEPOT, SIGNING_KEY, Wanted
from estate.render.shell import PATH, shell, variables

BUILD_TIMEOUT = 1800
"""Seconds that building one generation may take: the first one downloads a whole NixOS."""
SEND_TIMEOUT = 3600
"""Seconds for what the hub lacks: the first time a whole NixOS through a laptop's uplink."""
SYSTEM = "x86_64-linux"
"""What every node is; the controller may be another kind of machine."""
_TRIAL = (
    # The time in it: one that was built before would say nothing of today's builders
    'derivation { name = "estate-trial"; now = toString builtins.currentTime; allowSubstitutes = false; '
    f'system = "{SYSTEM}"; builder = "/bin/sh"; args = [ "-c" "echo ok > $out" ]; }}'
)
_STARTED = re.compile(r"builder (for .*)?failed")
"""Nix found where to build, which is all that was asked: not every sandbox has a /bin/sh."""
_TRIAL_TIMEOUT = 120
_LACKS = f"set -eu; export {PATH}\nxargs -r nix-store --check-validity --print-invalid\n"
_ELSEWHERE = 'or say build = "hub"'

# One after the other: evaluating takes a gigabyte, and what one node's generation brings the next one's need not
_turn = RLock()


def configuration(desired: Desired) -> tuple[File, ...]:
    """The files that a generation is built from."""
    return tuple(file for file in desired.tree.files if file.path.startswith(f"{CONFIGURATION}/"))


def pack(files: tuple[File, ...]) -> str:
    """The configuration's files below /etc/nixos as a base64 tar: the same bytes for the same files."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for file in files:
            info = tarfile.TarInfo(file.path.removeprefix(f"{CONFIGURATION}/"))
            info.size, info.mode = len(file.content), 0o644
            archive.addfile(info, io.BytesIO(file.content))
    return base64.encodebytes(buffer.getvalue()).decode()


def on_hub(estate: Estate, mine: EdgeHost, files: tuple[File, ...], wanted: Wanted) -> None:
    """Have the hub build the generation and publish it. Raises EstateFaults."""
    _publish(estate, mine, wanted, Built(), stdin=pack(files))


def on_controller(estate: Estate, mine: EdgeHost, files: tuple[File, ...], wanted: Wanted) -> None:
    """Build the generation here, bring the hub what it lacks, have it published there. Raises EstateFaults."""
    with _turn, tempfile.TemporaryDirectory(prefix="estate-build-") as folder:
        system = build(mine, files, Path(folder))
        closure = _nix("nix-store", "-qR", system, where=f"controller/build {mine.name}").split()
        missing = _missing(estate, mine, closure)
        sent = f"{DEPOT.rpartition('/')[0]}/builds/.{mine.name}.closure" if missing else ""
        if missing:
            _send(estate, mine, missing, Path(folder) / "closure", sent)
        _publish(estate, mine, wanted, Built(system, sent))


@dataclass(frozen=True)
class Built:
    """A generation that the hub need not build: its path, and the file on the hub with what it lacked of it."""

    system: str = ""
    closure: str = ""


def _publish(estate: Estate, mine: EdgeHost, wanted: Wanted, built: Built, stdin: str = "") -> None:
    hub = mine.mesh.hub.name
    words = {"NODE": mine.name, "DIGEST": wanted.configuration, "DEPOT": DEPOT, "KEY": SIGNING_KEY}
    words |= {"SYSTEM": built.system, "CLOSURE": built.closure}
    text = f"{variables(words)}{shell('operations/edge_publish.sh')}"
    outcome = run_as_root(hub, estate.ssh[hub], text, stdin=stdin, timeout=BUILD_TIMEOUT)
    if outcome.code != 0:
        said = outcome.stderr.strip()[-2000:] or f"exit code {outcome.code}"
        remedy = "run this again" if built.system else "`estate check` evaluates it here"
        raise EstateFaults([Fault(f"{hub}/build {mine.name}", said, remedy)])


def nixpkgs(mesh: Mesh) -> str:
    """Where the controller takes Nixpkgs from: like the nodes, unless it is said to be elsewhere here."""
    return mesh.controller_nixpkgs or mesh.nixpkgs_source


def build(mine: EdgeHost, files: Iterable[File], folder: Path) -> str:
    """Build the generation of these files with this machine's own Nix; its store path. Raises EstateFaults.

    + folder: a private one; as long as it is there, the generation is kept
    """
    for file in files:
        path = folder / "nixos" / file.path.removeprefix(f"{CONFIGURATION}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    words = ["nix-build", "<nixpkgs/nixos>", "-A", "system", "--argstr", "system", SYSTEM]
    words += ["-I", f"nixpkgs={nixpkgs(mine.mesh)}", "-I", f"nixos-config={folder}/nixos/configuration.nix"]
    return _nix(*words, "-o", f"{folder}/system", where=f"controller/build {mine.name}").strip()


def _missing(estate: Estate, mine: EdgeHost, closure: Sequence[str]) -> list[str]:
    """What the hub's store has not, through standard input: a closure is a thousand paths."""
    hub = mine.mesh.hub.name
    outcome = run_as_root(hub, estate.ssh[hub], _LACKS, stdin="".join(f"{path}\n" for path in closure))
    if outcome.code != 0:
        said = outcome.stderr.strip()[-500:] or f"exit code {outcome.code}"
        raise EstateFaults([Fault(f"{hub}/build {mine.name}", said, "see its Nix store")])
    lacks = set(outcome.stdout.split())
    return [path for path in closure if path in lacks]


def _send(estate: Estate, mine: EdgeHost, paths: Sequence[str], file: Path, target: str) -> None:
    with file.open("wb") as handle:
        _nix("nix-store", "--export", *paths, where=f"controller/build {mine.name}", to=handle.fileno())
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    hub = mine.mesh.hub.name
    send_file(hub, estate.ssh[hub], file, target, digest, timeout=SEND_TIMEOUT)


def _nix(*words: str, where: str, to: int = subprocess.PIPE, timeout: int = BUILD_TIMEOUT) -> str:
    """What one of Nix's commands printed. Raises EstateFaults with the end of its log.

    + to: what its output goes to instead
    """
    # What <nixpkgs> and <nixos-config> are is said by -I, and by nobody's environment
    environment = {key: value for key, value in os.environ.items() if key not in ("NIX_PATH", "NIXOS_CONFIG")}
    try:
        result = subprocess.run(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.PIPE,
            text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise EstateFaults([Fault(where, f"{words[0]} is not there", f"install Nix here, {_ELSEWHERE}")]) from None
    except subprocess.TimeoutExpired:
        raise EstateFaults([Fault(where, f"{words[0]} did not end within {timeout} s", "see its builders")]) from None
    if result.returncode != 0:
        # colours, where Nix writes them although nobody looks
        log = re.sub(r"\x1b\[[0-9;]*m", "", result.stderr).strip().splitlines()
        said = "\n".join(log[-20:]) or f"exit code {result.returncode}"
        raise EstateFaults([Fault(where, said, "`estate check` evaluates it")])
    return result.stdout or ""


def controller_faults(mesh: Mesh, names: Sequence[str]) -> list[Fault]:
    """What keeps this machine from building for nodes; asked before anything is changed.

    + names: the nodes that are to be built here
    """
    if not names:
        return []
    path, source = f"group_data/edge/mesh/nodes/{names[0]}/build", nixpkgs(mesh)
    faults = []
    if source.startswith("/") and not Path(source).exists():
        fault = f"Nixpkgs is to come from {source}, which is not on the controller"
        faults.append(Fault("group_data/edge/mesh/controller_nixpkgs", fault, "name a path or an URL that it has"))
    absent = [tool for tool in ("nix-build", "nix-store") if shutil.which(tool) is None]
    if absent:
        fault = f"the controller has no {' and no '.join(absent)} to build {', '.join(names)} with"
        return [*faults, Fault(path, fault, f"install Nix here, {_ELSEWHERE}")]
    return [*faults, *_trial(path)]


def _trial(path: str) -> list[Fault]:
    """Build next to nothing: whoever's machine this is and whatever builders it has, that is what tells."""
    try:
        _nix("nix-build", "--no-out-link", "-E", _TRIAL, where=path, timeout=_TRIAL_TIMEOUT)
    except EstateFaults as error:
        said = " ".join(error.faults[0].fault.split())
        if _STARTED.search(said):
            return []
        _, found, cause = said.partition("error: ")
        fault = f"the controller cannot build for {SYSTEM}: {(cause if found else said)[:300]}"
        return [Fault(path, fault, f"give its Nix a builder for {SYSTEM} (`builders` in nix.conf), {_ELSEWHERE}")]
    return []
