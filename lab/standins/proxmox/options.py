"""The settings of a container that `pct create`, `restore` and `set` take (pve-docs pct.1)."""

import re

from lab.standins.proxmox import propstr
from lab.standins.proxmox.schema import BOOL, COUNT, TEXT, Param, indexed

VMID = Param("integer", optional=False, minimum=100, maximum=999_999_999)
NODE = Param(optional=False, pattern=r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?")
STORAGE = Param(pattern=r"(?i)[a-z][a-z0-9\-_.]*[a-z0-9]")
LOCKS = ("backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback", "snapshot",
         "snapshot-delete")  # fmt: skip
_OS = ("alpine", "archlinux", "centos", "debian", "devuan", "fedora", "gentoo", "nixos", "opensuse", "ubuntu",
       "unmanaged")  # fmt: skip
_LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?"
_ADDRESSES = r"[0-9a-fA-F.:]+([\s,;]+[0-9a-fA-F.:]+)*"


def _ostemplate(text: str) -> None:
    if not text.startswith("/") and ":" not in text:
        raise ValueError(f"unable to parse volume ID '{text}'")


SETTINGS: dict[str, Param] = {
    "arch": Param(enum=("amd64", "arm64", "armhf", "i386", "riscv32", "riscv64")),
    "cmode": Param(enum=("console", "shell", "tty")),
    "console": BOOL,
    "cores": Param("integer", minimum=1, maximum=8192),
    "cpulimit": Param("number", minimum=0, maximum=8192),
    "cpuunits": Param("integer", minimum=0, maximum=500_000),
    "debug": BOOL,
    "description": TEXT,
    "entrypoint": Param(pattern=r"[^\x00-\x08\x10-\x1F\x7F]+"),
    "features": Param(check=propstr.FEATURES.parse),
    "hookscript": TEXT,
    "hostname": Param(pattern=rf"{_LABEL}(\.{_LABEL})*"),
    "lock": Param(enum=LOCKS),
    "memory": Param("integer", minimum=16),
    "nameserver": Param(pattern=_ADDRESSES),
    "onboot": BOOL,
    "ostype": Param(enum=_OS),
    "protection": BOOL,
    "rootfs": Param(check=propstr.ROOTFS.parse),
    "searchdomain": Param(pattern=rf"{_LABEL}(\.{_LABEL})*([\s,;]+{_LABEL}(\.{_LABEL})*)*"),
    "startup": Param(check=propstr.STARTUP.parse),
    "swap": COUNT,
    "tags": Param(pattern=r"(?i)[a-z0-9_][a-z0-9_\-+.]*([,; ]+[a-z0-9_][a-z0-9_\-+.]*)*"),
    "template": BOOL,
    "timezone": Param(pattern=r"host|[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*"),
    "tty": Param("integer", minimum=0, maximum=6),
    "unprivileged": BOOL,
    **indexed("net", 31, Param(check=propstr.NET.parse)),
    **indexed("mp", 255, Param(check=propstr.MOUNT.parse)),
    **indexed("dev", 255, Param(check=propstr.DEVICE.parse)),
    **indexed("unused", 255, TEXT),
}
CREATE: dict[str, Param] = {
    "vmid": VMID,
    "ostemplate": Param(optional=False, check=_ostemplate),
    **SETTINGS,
    "bwlimit": Param("number", minimum=0),
    "force": BOOL,
    "ha-managed": BOOL,
    "ignore-unpack-errors": BOOL,
    "password": Param(pattern=r"(?s).{5,}"),
    "pool": TEXT,
    "restore": BOOL,
    "ssh-public-keys": TEXT,
    "start": BOOL,
    "storage": STORAGE,
    "unique": BOOL,
}
SET: dict[str, Param] = {"vmid": VMID, **SETTINGS, "delete": TEXT, "digest": TEXT, "revert": TEXT}
FAST = frozenset({"description", "onboot", "startup", "protection", "hostname", "hookscript", "cores", "tags", "lock"})
"""What a running container takes at once, as nothing in it has to change."""
LIVE = frozenset({"memory", "swap", "cpulimit"})


def split(text: str) -> list[str]:
    """The words of a list setting."""
    return [word for word in re.split(r"[,;\s]+", text) if word]


def cannot_delete(name: str) -> str:
    """Why a setting cannot be deleted; empty when it can."""
    if name in {"hostname", "memory", "rootfs"}:
        return f"unable to delete required option '{name}'"
    if name in {"arch", "ostype", "unprivileged"}:
        return f"unable to delete read-only option: '{name}'"
    return ""


def cannot_change(name: str) -> str:
    """Why a setting cannot be changed; empty when it can."""
    return f"unable to modify read-only option: '{name}'" if name in {"arch", "unprivileged"} else ""
