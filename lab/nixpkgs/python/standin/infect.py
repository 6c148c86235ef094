"""nixos-infect: makes the fresh Debian host a NixOS one, with the ways the real one has to fail.

Environment: NIX_CHANNEL (the lab has nixos-26.05 only), NO_SWAP, NO_REBOOT. What the real one also
knows (PROVIDER, NIXOS_IMPORT, doNetConf, …) is without effect here.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from . import boot
from .lustrate import MARK
from .shell import PROFILE, StandInError, banner, link, need_root, run, say, show, write

CHANNEL = "nixos-26.05"
TREE = Path("/usr/share/estate-lab-nixpkgs")
CONFIGURATION = Path("/etc/nixos/configuration.nix")
CHANNELS = Path("/nix/var/nix/profiles/per-user/root/channels")
SWAP_MIB = 1024
_NIX_CONF = "sandbox = false\nbuild-users-group =\nsubstituters =\n"
_KEPT = "etc/nixos\netc/resolv.conf\nroot/.nix-defexpr/channels\netc/ssh/ssh_host_*_key*\n"


def main(_argv: Sequence[str]) -> int:
    """Convert this host; it is NixOS after the next boot, which this starts unless NO_REBOOT is set."""
    banner("nixos-infect")
    need_root()
    if Path("/etc/NIXOS").exists():
        raise StandInError("this host is NixOS already")
    channel = os.environ.get("NIX_CHANNEL", "nixos-25.11")
    if channel != CHANNEL:
        raise StandInError(
            f"NIX_CHANNEL={channel}: the lab has {CHANNEL} only (the real default, nixos-25.11, is out of support)"
        )
    if not CONFIGURATION.exists():
        raise StandInError(f"{CONFIGURATION} is missing: the stand-in writes none, as the real one would")
    if not os.environ.get("NO_SWAP"):
        check_swap()
    write(Path("/etc/nix/nix.conf"), _NIX_CONF)
    _check_stage1()
    say("building the first generation...")
    system = run("nix-build", "<nixpkgs/nixos>", "-A", "system", "--no-out-link", *_include()).stdout.strip()
    run("nix-env", "--profile", str(PROFILE), "--set", system)
    _reachable_commands()
    link(CHANNELS / "nixos", str(TREE))
    Path("/etc/NIXOS").touch()
    if not MARK.exists():
        MARK.write_text("")
    MARK.write_text(MARK.read_text() + _KEPT)
    boot.install(Path(system))
    if os.environ.get("NO_REBOOT"):
        say("not rebooting (NO_REBOOT): this host is NixOS after its next boot")
        return 0
    return show(["systemctl", "reboot"])


def _include() -> list[str]:
    return ["-I", f"nixpkgs={TREE}", "-I", f"nixos-config={CONFIGURATION}"]


def check_swap() -> None:
    """Fail as the real one does when it cannot put its swap file of 1 GiB into /tmp. Nothing is written."""
    kind = run("findmnt", "--noheadings", "--output", "FSTYPE", "--target", "/tmp").stdout.strip()  # noqa: S108
    free = shutil.disk_usage("/tmp").free // 2**20  # noqa: S108
    if free < SWAP_MIB:
        raise StandInError(
            f"dd: error writing '/tmp/nixos-infect.swp': No space left on device ({free} of {SWAP_MIB} MiB)"
        )
    if kind == "tmpfs":
        raise StandInError(
            "swapon: /tmp/nixos-infect.swp: swapon failed: Invalid argument (/tmp is a tmpfs; NO_SWAP=y)"
        )


def _check_stage1() -> None:
    """26.05 boots with systemd in stage 1, which knows no lustration: the real host would not be NixOS, or not boot."""
    value = run(
        "nix-instantiate", "--eval", "--strict", "--json", "<nixpkgs/nixos>", *_include(),
        "-A", "config.boot.initrd.systemd.enable",
    ).stdout.strip()  # fmt: skip
    if value != "false":
        raise StandInError(
            "systemd in stage 1 does not lustrate: the host would not become NixOS;"
            " set boot.initrd.systemd.enable = false in the configuration"
        )


def _reachable_commands() -> None:
    """Packages have all commands in bin; Debian has some in sbin."""
    for path in Path("/usr/sbin").iterdir():
        shadow = Path("/usr/bin") / path.name
        if not shadow.exists() and not shadow.is_symlink():
            shadow.symlink_to(f"../sbin/{path.name}")
