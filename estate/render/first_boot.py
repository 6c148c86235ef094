"""From a provider's Debian to NixOS: the script that converts it, the one that clears up, and the way by an image."""

from estate.edge.provision import SMALLEST_FOR_INFECT
from estate.models.edge import Mesh
from estate.render.shell import variables
from estate.render.templates import verbatim

WORK = "/var/lib/estate-first-boot"
"""On the disk, whatever /tmp is; its log is here. It goes with /old-root."""

CLEAR_UP = """\
set -eu
# What Debian was: 1 to 2 GB of a small disk, and the way back to nothing that we want
[ "$(sed -n 's/^ID=//p' /etc/os-release)" = nixos ] || { echo 'this is no NixOS: /old-root is left alone' >&2; exit 3; }
[ -e /old-root ] || exit 0
chattr -R -f -i /old-root || true
rm -rf --one-file-system /old-root
"""
"""Run as root once the node is NixOS and answers through WireGuard."""


def first_boot_script(mesh: Mesh, *, boot_device: str = "") -> str:
    """The script that converts a fresh Debian whose /etc/nixos has been filled; run it as root by `sh -s`.

    + boot_device: what the configuration installs GRUB on; compared with the machine when given
    Exit codes: 0 done, the machine restarts in 3 s or was NixOS already; 1 failed; 3 refused, nothing was changed.
    """
    pins = mesh.first_boot
    head = {
        "commit": pins.infect_commit,
        "digest": pins.infect_sha256,
        "nix_url": pins.nix_url,
        "nix_digest": pins.nix_sha256,
        "channel": f"nixos-{mesh.nixos}",
        "memory_mb": str(SMALLEST_FOR_INFECT),
        "disk_mb": str(pins.disk_mb),
        "swap_mb": str(pins.swap_mb),
        "firmware": pins.firmware,
        "root_label": pins.root_label,
        "boot_device": boot_device,
        "work": WORK,
        "root": "",
    }
    return variables(head) + verbatim("edge/first_boot.sh").decode()


def image_steps(mesh: Mesh, configuration: str = "/etc/nixos/image.nix", bucket: str = "b2:estate-images") -> str:
    """How an image is made centrally and becomes a snapshot at Vultr, as commands for a person.

    A machine with 512 MB needs it; Vultr takes raw images only, uncompressed, by a URL that it can reach itself, and
    starts them by BIOS from /dev/vda (docs.vultr.com: vultr-cli snapshot create-url; coreos-assembler#1595).

    + configuration: on the hub, what the image is: grub on /dev/vda, DHCP, sshd with our keys; no secret, no host key
    + bucket: an rclone remote and bucket from which a link can be made
    """
    name = f"nixos-{mesh.nixos}-{mesh.domain}.img"
    return f"""\
An image of NixOS {mesh.nixos} for machines that are too small to convert themselves:

1. On the hub ({mesh.public_name(mesh.hub)}), with {configuration} (GRUB on /dev/vda, no secret, no host key):
     nixos-rebuild build-image --image-variant raw -I nixos-config={configuration}
   It must fit into 10 GB. Its digest, to compare with later: sha256sum result/*.img
2. To where Vultr can fetch it: the depot answers within WireGuard only. The link ends by itself.
     rclone copyto result/*.img {bucket}/{name}
     rclone link --expire 2h {bucket}/{name}
3. As a snapshot (VULTR_API_KEY is read from the environment, it is on no command line):
     vultr-cli snapshot create-url --description {name} --url 'THE LINK'
     vultr-cli snapshot list      # until it is complete
4. Its id into group_data/edge.py, as the mesh's provisioning.snapshot, then:
     estate edge create INVENTORY NODE
   The machine starts as NixOS at once: host keys are made at its first start, and so is WireGuard's.
5. Remove the object: rclone deletefile {bucket}/{name}
"""
