"""The configuration of a NixOS node: /etc/nixos, from the list of nodes and their pinned public keys.

Modules that are the same on every node lie in files/nixos/ and are copied as they are; what a node has of its own is in
one file, estate.nix, that they read. Nothing secret is in any of them: the Nix store is readable by everybody.
"""

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import PurePosixPath

from estate.edge.keys import Keys
from estate.edge.plans import plan_of
from estate.models.desired import File
from estate.models.edge import Mesh, Node
from estate.models.host import Host
from estate.render.edge_values import NO_OVERRIDES, Overrides, values_of
from estate.render.templates import ROOT, render, verbatim

ETC = PurePosixPath("/etc/nixos")
GENERATION = "modules/generation.nix"
"""The one file that has the digest of the others."""
_EVERYWHERE = ("base.nix", "clavitor.nix", "firewall.nix", "hardware.nix", "ssh.nix", "store.nix", "vault.nix")
_HUB = ("bridge.nix", "depot.nix", "kuma.nix", "wireguard-hub.nix")
_READ: dict[str, tuple[str, ...]] = {
    "clavitor.nix": ("hardening.nix",),
    "depot.nix": ("depot-key.sh", "hardening.nix"),
    "offsite.nix": ("hardening.nix", "vault-offsite.sh", "vault-offsite-back.sh"),
    "store.nix": ("gc.sh",),
    "vault.nix": ("hardening.nix", "vault-backup.sh", "vault-check.sh", "vault-copy.sh"),
}
"""What a module reads, beside estate.nix."""
_BRIDGE = "edge/push_bridge"


def modules_of(mesh: Mesh, node: Node, *, first_boot: bool = False) -> tuple[str, ...]:
    """The names of the modules that a node imports, sorted."""
    chosen = {*_EVERYWHERE, *(_HUB if node.role == "hub" else ("wireguard-spoke.nix",))}
    if plan_of(node).small:
        chosen.add("small.nix")
    if mesh.break_glass.keys:
        chosen.add("breakglass.nix")
    if node.role == "hub" and mesh.offsite:
        chosen.add("offsite.nix")
    if first_boot:
        chosen.add("first-boot.nix")
    return tuple(sorted(chosen))


@cache
def bridge_files() -> tuple[str, ...]:
    """The push bridge's program, by name, sorted."""
    return tuple(sorted(path.name for path in (ROOT / "files" / _BRIDGE).glob("*.py")))


def nixos_tree(
    host: Host, mesh: Mesh, node: Node, keys: Keys, *, overrides: Overrides = NO_OVERRIDES, first_boot: bool = False
) -> tuple[File, ...]:
    """Every file below /etc/nixos, sorted by path.

    + keys: a node whose key is not in it yet is no peer of the hub; without the hub's, a spoke has no peer
    + overrides: what a lab has of its own
    + first_boot: for the system that takes over a Debian: sshd answers publicly until the mesh is there

    Raises KeyError for a plan that is not in the catalogue; estate/checks/edge.py says so before.
    """
    modules = modules_of(mesh, node, first_boot=first_boot)
    values = values_of(host, mesh, node, keys, overrides, bridge_files())
    imports = sorted((*modules, PurePosixPath(GENERATION).name))
    texts = {
        "configuration.nix": render(
            "nixos/configuration.nix.j2", mesh=mesh, node=node, modules=imports, overrides=overrides
        ).encode(),
        "estate.nix": render("nixos/estate.nix.j2", node=node, values=values).encode(),
    }
    for name in {*modules, *(read for module in modules for read in _READ.get(module, ()))}:
        texts[f"modules/{name}"] = verbatim(f"nixos/{name}")
    if "bridge.nix" in modules:
        texts |= {f"modules/push_bridge/{name}": verbatim(f"{_BRIDGE}/{name}") for name in bridge_files()}
    files = [File(str(ETC / name), text) for name, text in texts.items()]
    mark = render("nixos/generation.nix.j2", digest=digest(files)).encode()
    return tuple(sorted((*files, File(str(ETC / GENERATION), mark)), key=lambda file: file.path))


def digest(files: Iterable[File]) -> str:
    """What names a configuration: sha256, in hex, of the files' paths and contents but for the one that holds it.

    The running generation shows it in /run/current-system/etc/estate/configuration.
    """
    total = sha256()
    for file in sorted(files, key=lambda file: file.path):
        if file.path != str(ETC / GENERATION):
            total.update(f"{file.path}\0{file.digest}\n".encode())
    return total.hexdigest()
