"""What the host boots: the menu that `switch` and `boot` write, and what is done before systemd starts.

As on NixOS, the default of the next boot is what the boot loader's menu says, not the profile: a
profile that was set without `switch-to-configuration switch` or `boot` is not booted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import activate, lustrate
from .shell import CURRENT, PROFILE, StandInError, banner, link, read_json, say, write, write_json
from .units import Applied

MENU = Path("/boot/estate-lab/menu.json")
GRUB = Path("/boot/grub/grub.cfg")
"""Named as the real one, for whoever looks whether there is a NixOS to boot; nothing reads it."""
INIT = Path("/usr/sbin/init")
SYSTEMD = "/usr/lib/systemd/systemd"
_INIT = f"""#!/bin/sh
# Stage 2 of the lab's NixOS stand-in: activates the boot loader's default, then becomes systemd.
menu={MENU}
system=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["default"])' "$menu")
runtime=$(sed -n 's/^export PYTHONPATH=//p' "$system/activate")
PYTHONPATH=$runtime /usr/bin/python3 -BPs -m standin boot "$system" ||
    echo "stage 2: the generation $system cannot be activated" >&2
exec {SYSTEMD} "$@"
"""


def install(out: Path) -> None:
    """Make a generation the default of the next boot, and list the generations of the profile in the menu."""
    say("updating the boot menu (stand-in of GRUB)...")
    limit = read_json(out / "generation.json", {}).get("configurationLimit", 100)
    write_json(MENU, {"default": str(out), "entries": entries()[:limit]})
    write(GRUB, "".join(f'menuentry "NixOS - stand-in, generation {e["generation"]}" {{}}\n' for e in entries()))
    if Path("/etc/NIXOS").exists():
        install_init()


def entries() -> list[dict[str, Any]]:
    """The generations of the profile, the newest first."""
    found = [
        {"generation": int(path.name.split("-")[-2]), "system": str(path.readlink())}
        for path in PROFILE.parent.glob(f"{PROFILE.name}-*-link")
    ]
    return sorted(found, key=lambda entry: -int(str(entry["generation"])))


def install_init() -> None:
    """Put stage 2 in the place of Debian's link to systemd."""
    INIT.unlink(missing_ok=True)
    write(INIT, _INIT, 0o755)


def main(argv: Sequence[str]) -> int:
    """`OUT`, before systemd is there: lustrate if asked to, activate, and remember what is booted."""
    banner("stage 2")
    out = Path(argv[0])
    if not (out / "generation.json").exists():
        raise StandInError(f"{out} is in the boot menu and no longer in the store: run switch-to-configuration boot")
    if lustrate.MARK.exists():
        lustrate.lustrate()
    link(Path("/run/booted-system"), str(out))
    activate.activate(out)
    Applied().reset(read_json(CURRENT / "units.json", {}))
    return 0
