"""A node of the edge fleet as one task: its configuration, its environment, its generation and its release."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from pydantic import SecretStr

from estate.edge import bridge
from estate.edge.keys import Keys
from estate.edge.monitors import derive, push_token
from estate.edge.monitors import wanted as wanted_monitors
from estate.edge.secrets import OFFSITE_ID, OFFSITE_KEY
from estate.models.desired import STATE_DIR, Desired, Directory, File, Guard, Handler, Node, Tree
from estate.models.edge import Build, Mesh, Offsite
from estate.models.host import EdgeHost
from estate.render.nixos import digest as configuration_digest
from estate.render.nixos import nixos_tree
from estate.render.shell import PATH, shell, variables

TASK = "edge"
CONFIGURATION = "/etc/nixos"
ENVIRONMENT = "/etc/clavitor/env"
OFFSITE_ENVIRONMENT = "/etc/push-bridge/offsite.env"
DATABASE = "/var/lib/clavitor/clavitor.db"
DEPOT = "/var/lib/estate/depot"
SIGNING_KEY = "/var/lib/estate/depot-key"
GENERATION = "generation"
"""The handler that switches, and the file that it stamps."""
MONITORS = "monitors"
"""The hub's handler for what Uptime Kuma watches."""


@dataclass(frozen=True)
class Wanted:
    """What a node is to run: by these two it is known."""

    configuration: str
    release: str

    @property
    def release_id(self) -> str:
        """The release's directory on a node."""
        return self.release[:16]


def depot_url(mesh: Mesh) -> str:
    """Where nodes fetch generations and releases."""
    return f"http://{mesh.address(mesh.hub)}:{mesh.depot_port}"


def _seed(mesh: Mesh, values: Mapping[str, str]) -> SecretStr:
    return SecretStr(values[mesh.push_seed])


def _environment(mesh: Mesh, host: EdgeHost, values: Mapping[str, str]) -> File:
    text = f"CLAVITOR_PUSH_TOKEN={push_token(_seed(mesh, values), host.name).get_secret_value()}\n"
    return File(ENVIRONMENT, text.encode(), mode=0o400, mask="dotenv")


def _hub_secrets(mesh: Mesh, values: Mapping[str, str]) -> list[Node]:
    """What the push bridge lets pushes in by, and what it tells Kuma with."""
    text = bridge.secrets(mesh, _seed(mesh, values)).get_secret_value()
    return [
        Directory("/etc/push-bridge", mode=0o755),
        # Not by LoadCredential: systemd cannot mount one in every container, and loses it without a word
        File("/etc/push-bridge/secrets.json", text.encode(), mode=0o440, group="push-bridge", mask="whole"),
        *(
            [File(OFFSITE_ENVIRONMENT, offsite(mesh.offsite, values).encode(), mode=0o400, mask="dotenv")]
            if mesh.offsite
            else []
        ),
    ]


def offsite(store: Offsite, values: Mapping[str, str]) -> str:
    """The environment that makes rclone know the store as `offsite:` (facts/apis.md, 7)."""
    names = {
        "b2": {"TYPE": "b2", "ACCOUNT": values[OFFSITE_ID], "KEY": values[OFFSITE_KEY]},
        "s3": {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ACCESS_KEY_ID": values[OFFSITE_ID],
            "SECRET_ACCESS_KEY": values[OFFSITE_KEY],
            "ENDPOINT": store.endpoint,
            "REGION": store.region,
            # A key that is restricted to its bucket may not make one, nor ask whether it is there
            "NO_CHECK_BUCKET": "true",
        },
    }[store.kind]
    return "".join(f"RCLONE_CONFIG_OFFSITE_{name}={value}\n" for name, value in names.items() if value)


def _preshared(mesh: Mesh, host: EdgeHost, values: Mapping[str, str]) -> list[Node]:
    if not mesh.preshared_keys:
        return []
    seed = _seed(mesh, values)
    nodes = mesh.spokes if host.is_hub else (host.node,)
    files = [
        File(
            f"/etc/wireguard/psk/{node.name if host.is_hub else mesh.hub.name}",
            b64encode(bytes.fromhex(derive(seed, f"preshared:{node.name}", 64).get_secret_value())) + b"\n",
            mode=0o400,
            mask="whole",
        )
        for node in nodes
    ]
    return [Directory("/etc/wireguard/psk", mode=0o700), *files]


def built_on(host: EdgeHost) -> Build:
    """Where the node's generation is built; "hub" is, of the hub, the node itself."""
    return "node" if host.is_hub and host.node.build == "hub" else host.node.build


def fetch_words(mesh: Mesh, host: EdgeHost, keys: Keys, wanted: Wanted) -> dict[str, str]:
    """The variables of estate/operations/edge_fetch.sh."""
    return {
        "DIGEST": wanted.configuration,
        "BUILD": built_on(host),
        "CONFIG": CONFIGURATION,
        # From its own disk: a depot that does not answer is mended by a deploy of the hub
        "SOURCE": f"file://{DEPOT}" if host.is_hub and built_on(host) == "controller" else depot_url(mesh),
        "CACHE_KEY": keys.cache,
        "RELEASE": wanted.release,
        "RELEASE_ID": wanted.release_id,
        "DATABASE": DATABASE,
    }


def undo(saved: str = "") -> str:
    """Lines of shell that bring back what `saved` names; without it, the shell's own $saved."""
    head = variables({"DATABASE": DATABASE} | ({"saved": saved} if saved else {}))
    return f"{head}{shell('operations/edge_undo.sh')}"


def rollback_script(public_name: str) -> str:
    """Makes a node run what it ran before its last switch; a second time brings it forward again.

    The stamp goes first: the next plan shows what is declared as pending. It ends when the service is well.
    """
    return (
        "set -u; saved=/var/lib/estate/edge/previous\n"
        f'[ -s "$saved" ] || {{ echo "it has run nothing else yet" >&2; exit 1; }}\n'
        f"rm -f {STATE_DIR}/applied/{GENERATION}\n"
        f"( {SAVE} ) >/var/lib/estate/edge/previous.new\n"
        f"( {undo()} ) || exit 1\nmv -f /var/lib/estate/edge/previous.new /var/lib/estate/edge/previous\n"
        f"export {PATH}\nfor _ in $(seq 30); do\n"
        f"    code=$(curl -sk -o /dev/null -w '%{{http_code}}' --max-time 5 "
        f"--resolve '{public_name}:443:127.0.0.1' 'https://{public_name}/health')\n"
        '    [ "$code" != 200 ] || exit 0\n    sleep 1\ndone\n'
        'echo "it went back, and its /health answers $code" >&2\nexit 1\n'
    )


SAVE = (
    'printf "%s\\n" "$(readlink -f /nix/var/nix/profiles/system)" "$(readlink /opt/clavitor/current)" '
    '"$(cat /var/lib/estate/edge/schema 2>/dev/null || echo 0)"'
)
"""Prints what a node runs: generation, release, schema; a line each, empty where there is none."""


def _switch(mesh: Mesh, wanted: Wanted) -> str:
    words = {
        "DIGEST": wanted.configuration,
        "RELEASE_ID": wanted.release_id,
        "SCHEMA": str(mesh.release.schema_version),
        "KEEP": str(mesh.generations),
    }
    return f"{variables(words)}{shell('operations/edge_switch.sh')}"


def wanted_of(host: EdgeHost, keys: Keys) -> Wanted:
    """What the node is to run."""
    files = nixos_tree(host, host.mesh, host.node, keys)
    return Wanted(configuration_digest(files), host.mesh.release.sha256)


def edge(host: EdgeHost, keys: Keys, values: Mapping[str, str]) -> Desired:
    """What `tasks/edge_nodes.py` makes true on a node.

    + keys: the mesh's public keys, as far as they are known
    + values: the estate's secrets
    """
    mesh = host.mesh
    files = nixos_tree(host, mesh, host.node, keys)
    wanted = Wanted(configuration_digest(files), mesh.release.sha256)
    private = [_environment(mesh, host, values), *_preshared(mesh, host, values)]
    private += _hub_secrets(mesh, values) if host.is_hub else []
    tree = Tree((Directory(CONFIGURATION), Directory("/etc/clavitor"), *files, *private, *_parents(files)))
    digest = sha256(f"{tree.digest}\0{wanted.release}\0{mesh.release.schema_version}".encode()).hexdigest()
    return Desired(
        task=TASK,
        tree=tree,
        handlers=(
            *_monitors(mesh, host, values),
            Handler(
                GENERATION,
                _switch(mesh, wanted),
                digest,
                tuple(file.path for file in tree.files),
                probe=f'[ "$(cat /run/current-system/etc/estate/configuration)" = {wanted.configuration} ] && '
                f'[ "$(readlink /opt/clavitor/current)" = releases/{wanted.release_id} ]',
                guard=Guard(undo=undo(), save=SAVE),
            ),
        ),
    )


def _monitors(mesh: Mesh, host: EdgeHost, values: Mapping[str, str]) -> tuple[Handler, ...]:
    """Due when the monitors are others than the last that Uptime Kuma was told of."""
    if not host.is_hub:
        return ()
    settings = [monitor.settings for monitor in wanted_monitors(mesh, _seed(mesh, values))]
    return (Handler(MONITORS, ":", sha256(json.dumps(settings).encode()).hexdigest()),)


def _parents(files: tuple[File, ...]) -> tuple[Directory, ...]:
    found = {file.path.rpartition("/")[0] for file in files} - {CONFIGURATION}
    return tuple(Directory(path) for path in sorted(found))
