"""`pct create` and `pct restore`, and `pct destroy`."""

import re
import subprocess
from pathlib import Path
from typing import Any

from lab.standins.proxmox import ctconf, firewall, guests, jobs, options, power, propstr, setup, storage, users, volumes
from lab.standins.proxmox.ctconf import Config, Part
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node

BACKUP_CONFIG = "etc/vzdump/pct.conf"


def _archive(node: Node, text: str, restore: bool) -> Path:
    if text.startswith("/"):
        path = node.root / text.lstrip("/")
    else:
        one, volume = storage.resolve(node, text)
        one.activate()
        kind = volume.partition("/")[0]
        if kind not in ({"backup"} if restore else {"vztmpl", "backup"}):
            raise PveError(f"unable to use '{text}' as {'backup' if restore else 'template'}: wrong content type")
        path = one.path(volume)
    if not path.is_file():
        raise PveError(f"volume '{text}' does not exist")
    if not re.search(r"\.tar(\.(gz|zst|xz|lzo|bz2))?$", path.name):
        raise PveError(f"file does not look like a template archive: {path}")
    return path


def backup_config(archive: Path) -> Config:
    """The configuration in a backup archive. Raises PveError when there is none."""
    argv = ["tar", "xO", "--auto-compress", "-f", str(archive), "--occurrence=1", f"./{BACKUP_CONFIG}"]
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode:
        raise PveError(f"unable to read the configuration of the backup '{archive}'")
    return ctconf.parse(done.stdout.decode())


def create(node: Node, values: dict[str, Any]) -> None:
    """Make a container of a template, or of a backup. Raises PveError; nothing of a failed one stays."""
    vmid, restore = values.pop("vmid"), bool(values.pop("restore", 0))
    word = "restore" if restore else "create"
    if values.get("unique") and not restore:
        raise ParamError({"unique": "missing property - 'restore' requires this property"})
    node.need_quorum()
    archive = _archive(node, values.pop("ostemplate"), restore)
    flags = {key: values.pop(key, None) for key in options.CREATE if key not in options.SETTINGS}
    where = guests.owners(node).get(vmid)
    if where and not (flags["force"] and where == node.name):
        raise PveError(f"unable to {word} CT {vmid} - CT {vmid} already exists on node '{where}'")
    if "rootfs" not in values and any(re.fullmatch(r"mp\d+", key) for key in values):
        raise PveError("mount points configured, but 'rootfs' not set - aborting")
    before = guests.load(node, vmid) if where else None
    if before:
        guests.check_protection(before, f"unable to {word} CT {vmid}")
        if node.backend.usage(vmid):
            raise PveError("can't overwrite running container")
    with node.guest_lock(vmid):
        try:
            _make(node, vmid, values, flags, archive, restore)
        except PveError as fault:
            raise PveError(f"unable to {word} CT {vmid} - {fault.message}", fault.code) from fault
        if before:
            volumes.free(node, vmid, before)
    if flags["start"]:
        power.start(node, vmid)


def _make(node: Node, vmid: int, values: dict[str, Any], flags: dict[str, Any], archive: Path, restore: bool) -> None:
    config = _configuration(node, values, flags, archive, restore)
    guests.save(node, vmid, Config(Part({"lock": "create"} | config.values)))
    made: list[str] = []
    root = node.backend.root(vmid)
    try:
        for key, text in config.volumes().items():
            config.values[key], new = volumes.allocate(node, vmid, key, text, guests.owner(config))
            made += [key] if new else []
        power.mount(node, vmid, config)
        node.say(f"{'restoring' if restore else 'extracting archive'} '{archive}'{' now..' if restore else ''}")
        node.backend.unpack(archive, root, guests.owner(config))
        if not (root / "sbin").exists() and not (root / "usr/sbin").exists():
            raise PveError("no 'sbin' directory (or link) found in archive")
        if not restore:
            own = setup.Root(root, guests.owner(config))
            node.say("Creating SSH host keys - this may take some time ...")
            setup.after_create(node, own, config.values, flags["ssh-public-keys"] or "", flags["password"] or "")
        power.unmount(node, vmid)
        guests.save(node, vmid, config)
    except (PveError, OSError) as fault:
        power.unmount(node, vmid)
        volumes.free(node, vmid, Config(Part({key: config.values[key] for key in made})))
        (node.pve / guests.name(node, vmid)).unlink(missing_ok=True)
        raise fault if isinstance(fault, PveError) else PveError(str(fault)) from fault


def _configuration(node: Node, values: dict[str, Any], flags: dict[str, Any], archive: Path, restore: bool) -> Config:
    """The configuration to be: given values over the backup's, or over Proxmox's defaults."""
    config = Config()
    if restore:
        node.say(f"recovering backed-up configuration from '{archive}'")
        old = backup_config(archive).current
        config.current = Part({k: v for k, v in old.values.items() if k != "lock"}, old.description, old.raw)
        for key, text in config.volumes().items():
            config.values[key] = _again(text, flags["storage"], key)
    given = {key: str(value) for key, value in values.items() if key != "description"}
    if restore and "rootfs" in given:
        for key in config.volumes():
            config.values.pop(key)
    config.values.update(given)
    if values.get("description"):
        config.current.description = values["description"] + "\n"
    for key in [key for key in config.values if re.fullmatch(r"net\d+", key)]:
        config.values[key] = volumes.with_address(config.values[key])
    if "tags" in given:
        config.values["tags"] = ";".join(dict.fromkeys(sorted(options.split(given["tags"]))))
    if not restore:
        config.values.setdefault("unprivileged", "1")
    if config.values.get("unprivileged") == "0":
        del config.values["unprivileged"]
    config.values.setdefault("rootfs", f"{flags['storage'] or 'local'}:4")
    for key, default in (("arch", "amd64"), ("ostype", "debian"), ("memory", "512"), ("swap", "512")):
        config.values.setdefault(key, default)
    return config


def _again(text: str, storage_name: str | None, key: str) -> str:
    """A backed-up volume as one to be allocated anew, in its old storage unless another is named."""
    form = propstr.ROOTFS if key == "rootfs" else propstr.MOUNT
    parsed = form.parse(text)
    if parsed["volume"].startswith("/"):
        return text
    old = storage_name or parsed["volume"].partition(":")[0]
    gib = propstr.parse_size(parsed.pop("size", "4G")) / 1024**3
    return form.format(parsed | {"volume": f"{old}:{gib:g}"})


def destroy(node: Node, vmid: int, purge: bool, force: bool, unreferenced: bool) -> None:
    """`pct destroy`. Raises PveError for a running, locked or protected one."""
    node.need_quorum()
    with node.guest_lock(vmid):
        config = guests.load(node, vmid)
        guests.check_protection(config, f"can't remove CT {vmid}")
        guests.check_lock(config)
        if node.backend.usage(vmid):
            if not force:
                raise PveError(f"unable to destroy CT {vmid} - container is running")
            power.halt(node, vmid, None, force=True)
        guests.set_lock(node, vmid, "destroyed")
        # A creation that was killed left it mounted
        power.unmount(node, vmid)
        volumes.free(node, vmid, config)
        if unreferenced:
            _sweep(node, vmid)
        users.forget_guest(node, vmid)
        firewall.forget_guest(node, vmid)
        if purge:
            node.say(f"purging CT {vmid} from related configurations..")
            jobs.forget_guest(node, vmid)
        (node.pve / guests.name(node, vmid)).unlink()
        setup.free(node.backend.root(vmid).parent)


def _sweep(node: Node, vmid: int) -> None:
    for one in storage.load(node).values():
        if one.active():
            for row in storage.listing(one, "rootdir", vmid):
                storage.path_of(node, row["volid"]).unlink(missing_ok=True)
