"""`estate edge restore`: a node's vault from its newest backup on the hub, opened here, in memory only."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from estate.inventory import Estate
from estate.models.edge import Mesh, Node
from estate.models.faults import EstateFaults, Fault
from estate.remote import run_as_root
from estate.render.shell import shell, variables
from estate.secrets.sealed import identity_of

FOLDER = "/var/lib/push-bridge/backups"
TIMEOUT = 900
_NEWEST = """set -eu
file=$(ls -1 "$FOLDER/$NODE"/*.age 2>/dev/null | sort | tail -n 1)
[ -n "$file" ] || { echo "no backup of it is here" >&2; exit 1; }
printf '%s\\n' "${file##*/}"
base64 "$file"
"""


@dataclass(frozen=True)
class Backup:
    """A backup as the hub keeps it: when it came, and its encrypted bytes."""

    node: str
    at: datetime
    sealed: bytes = field(repr=False)


def newest(estate: Estate, mesh: Mesh, node: Node) -> Backup:
    """The node's newest backup, read from the hub. Raises EstateFaults when there is none."""
    hub = mesh.hub.name
    head = variables({"FOLDER": FOLDER, "NODE": node.name})
    outcome = run_as_root(hub, estate.ssh[hub], head + _NEWEST, timeout=TIMEOUT)
    if outcome.code != 0:
        said = outcome.stderr.strip()[-300:] or f"exit code {outcome.code}"
        raise EstateFaults([Fault(f"{hub}{FOLDER}/{node.name}", said, "see `estate edge status`")])
    name, _, body = outcome.stdout.partition("\n")
    # The push bridge names a file by the millisecond at which it came
    at = datetime.fromtimestamp(int(name.removesuffix(".age")) / 1000, UTC)
    return Backup(node.name, at, base64.b64decode(body))


def opened(backup: Backup, identity: Path) -> bytes:
    """The tar in a backup. Raises EstateFaults when our key does not open it."""
    try:
        return bytes(pyrage.decrypt(backup.sealed, [identity_of(identity)]))
    except pyrage.DecryptError as error:
        remedy = "use the key of one of age_recipients (age_identity)"
        raise EstateFaults(
            [Fault(f"backup of {backup.node}", f"{identity} does not open it: {error}", remedy)]
        ) from None


def restore(estate: Estate, mesh: Mesh, node: Node, backup: Backup) -> str:
    """Put it in the place of what the node has; says where that is kept. Raises EstateFaults."""
    identity = Path(estate.hosts[node.name].age_identity).expanduser()
    stdin = base64.encodebytes(opened(backup, identity)).decode()
    text = variables({"NAME": mesh.public_name(node)}) + shell("operations/edge_restore.sh")
    outcome = run_as_root(node.name, estate.ssh[node.name], text, stdin=stdin, timeout=TIMEOUT)
    if outcome.code != 0:
        said = outcome.stderr.strip()[-500:] or f"exit code {outcome.code}"
        raise EstateFaults([Fault(f"{node.name}/restore", said, "nothing was lost; run it again")])
    return outcome.stdout.strip()
