"""A fleet of which one node is built by the controller, and a hub that stands for the real one."""

from pathlib import Path

from edge_fleet import NODES, host, hub, keys, mesh, spoke
from nixpkgs_eval import STAND_IN

from estate.inventory import Estate, Ssh
from estate.models.host import EdgeHost
from estate.operations import edge as operations
from estate.remote import Outcome
from estate.render.edge import edge, wanted_of
from estate.render.templates import ROOT
from estate.rollout import build

VALUES = {"EDGE_PUSH_SEED": "5eed" * 16, "EDGE_KUMA_PASSWORD": "x" * 40}
FLEET = mesh(
    nodes=(hub(), spoke(wave="canary", build="controller"), *NODES[2:]),
    nixpkgs="/usr/share/nowhere",
    controller_nixpkgs=str(STAND_IN),
)


def node(name="tokyo", fleet=FLEET):
    values = host().model_dump() | {"name": name, "group": "edge", "address": "10.84.0.9", "mesh": fleet}
    return EdgeHost.model_validate({key: value for key, value in values.items() if key != "system"})


def estate_of(fleet=FLEET):
    ssh = Ssh("zurich.example", "mitch", 22, "", "known_hosts")
    return Estate(
        ROOT / "inventories" / "prod.py",
        {n.name: node(n.name, fleet) for n in fleet.nodes},
        {},
        {n.name: ssh for n in fleet.nodes},
        keys(fleet),
    )


class Hub:
    """Stands for the hub: remembers what it was told, and answers."""

    def __init__(self, lacks=(), code=0):
        self.lacks, self.code, self.told, self.files = lacks, code, [], []

    def run_as_root(self, name, ssh, script, *, stdin="", timeout=120, wait=10):
        self.told.append((name, script, stdin))
        if "test -s" in script:
            return Outcome(1, "", "")
        if "--print-invalid" in script:
            return Outcome(0, "\n".join(self.lacks), "")
        return Outcome(self.code, "", "error: path '/nix/store/x' is not valid" if self.code else "")

    def send_file(self, name, ssh, source, target, digest, timeout=900):
        self.files.append((name, Path(source).read_bytes(), target, digest))

    def install(self, monkeypatch):
        for module in (build, operations):
            monkeypatch.setattr(module, "run_as_root", self.run_as_root)
        monkeypatch.setattr(build, "send_file", self.send_file)
        monkeypatch.setattr(operations, "ship_release", lambda estate, mine: None)
        return self


def publish(mine):
    operations.publish(
        estate_of(mine.mesh), mine, edge(mine, keys(mine.mesh), VALUES), wanted_of(mine, keys(mine.mesh))
    )
