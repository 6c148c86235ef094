"""What the farm's deploy applies: as many files as a node of the edge fleet has, below /var/lib."""

from collections.abc import Mapping

from gevent.lock import RLock
from pyinfra.api.deploy import deploy
from pyinfra.api.inventory import Inventory

from estate.inventory import load
from estate.models.desired import Desired, Directory, File, Tree
from estate.operations.converge import converge
from estate.run import start
from lab.paths import REPO

ROOT = "/var/lib/estate-farm"
FILES = 8
_lock = RLock()
_wanted: dict[str, Mapping[str, Desired]] = {}


def desired(name: str) -> Desired:
    """A host's files."""
    files = [
        File(f"{ROOT}/module{number}.nix", f"# {name}\n".encode() + b"# a line of text\n" * 100)
        for number in range(FILES)
    ]
    return Desired("edge", tree=Tree((Directory(ROOT), *files)))


def prepared(inventory: Inventory) -> Mapping[str, Mapping[str, Desired]]:
    """Every host's tasks; the first call begins the run on all of them, as estate/deployment.py does."""
    with _lock:
        if not _wanted:
            estate = load(REPO / "lab" / "bench" / "farm_inventory.py")
            active = list(inventory.get_active_hosts())
            start.reachable(estate, inventory)
            _wanted.update({target.name: {"edge": desired(target.name)} for target in active})
            start.start(estate, active, _wanted)
    return _wanted


@deploy("Edge")
def edge(wanted: Desired) -> None:
    """Sync the files."""
    converge(wanted)
