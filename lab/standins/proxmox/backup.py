"""`vzdump`: real archives of containers, with retention. Formats: pve-docs vzdump.adoc; facts/homelab-vps.md §1.5."""

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.standins.proxmox import cluster, ctconf, guests, power, propstr, retention, snapshots, storage
from lab.standins.proxmox.create import BACKUP_CONFIG
from lab.standins.proxmox.ctconf import Config, Part
from lab.standins.proxmox.errors import ParamError, PveError
from lab.standins.proxmox.node import Node
from lab.standins.proxmox.setup import Root

_SUFFIX = {"zstd": ".tar.zst", "gzip": ".tar.gz", "1": ".tar.lzo", "lzo": ".tar.lzo", "0": ".tar"}
_EXCLUDED = ("./tmp/?*", "./var/tmp/?*", "./var/run/?*.pid")
_STAMP = re.compile(r"vzdump-lxc-(\d+)-(\d{4}_\d{2}_\d{2}-\d{2}_\d{2}_\d{2})\.tar")
_NOTES = ("cluster", "guestname", "node", "vmid")


class Log:
    """Lines for the reader and for the archive's log."""

    def __init__(self, node: Node, quiet: bool) -> None:
        self.node, self.quiet, self.lines = node, quiet, list[str]()

    def __call__(self, text: str, level: str = "INFO") -> None:
        """One line."""
        self.lines.append(f"{self.node.now():%Y-%m-%d %H:%M:%S} {level}: {text}\n")
        if not self.quiet:
            self.node.say(f"{level}: {text}")


def _chosen(node: Node, values: dict[str, Any]) -> list[int]:
    mine = sorted(vmid for vmid, where in guests.owners(node).items() if where == node.name)
    if values.get("all") or "exclude" in values:
        left_out = {int(vmid) for vmid in re.split(r"[,; ]+", str(values.get("exclude", ""))) if vmid}
        return [vmid for vmid in mine if vmid not in left_out]
    wanted = [int(vmid) for vmid in re.split(r"[,; ]+", str(values.get("vmid", ""))) if vmid]
    if not wanted:
        raise ParamError({"vmid": "property is missing and it is not optional"})
    unknown = [vmid for vmid in wanted if vmid not in guests.owners(node)]
    if unknown:
        raise PveError(f"unable to find VM '{unknown[0]}'")
    return [vmid for vmid in wanted if vmid in mine]


def check_notes(template: str) -> None:
    """Raise ParamError for a variable that notes do not have."""
    unknown = [name for name in re.findall(r"\{\{(.*?)\}\}", template) if name not in _NOTES]
    if unknown:
        raise ParamError({"notes-template": f"found unknown: {', '.join(unknown)}"})


def _folder(node: Node, values: dict[str, Any]) -> tuple[Path, dict[str, str]]:
    if "dumpdir" in values:
        if "storage" in values:
            raise ParamError({"storage": "cannot use options 'storage' and 'dumpdir' at the same time"})
        path = node.root / str(values["dumpdir"]).lstrip("/")
        if not path.is_dir():
            raise PveError(f"dumpdir '{values['dumpdir']}' does not exist")
        return path, {}
    one = storage.get(node, values.get("storage", "local"))
    if "backup" not in one.content:
        raise PveError(f"can't use storage '{one.name}' for backups - wrong content type")
    try:
        one.activate()
    except PveError as fault:
        raise PveError(f"could not activate storage '{one.name}': {fault.message}") from fault
    one.folder("backup").mkdir(parents=True, exist_ok=True)
    return one.folder("backup"), propstr.PRUNE.parse(one.settings.get("prune-backups", ""))


def run(node: Node, values: dict[str, Any]) -> None:
    """Back up containers of this node, one after the other. Raises PveError (`job errors`) after the last."""
    check_notes(values.get("notes-template", ""))
    chosen = _chosen(node, values)
    folder, kept = _folder(node, values)
    if "prune-backups" in values:
        kept = propstr.PRUNE.parse(values["prune-backups"])
    failed = 0
    for vmid in chosen:
        log = Log(node, bool(values.get("quiet")))
        try:
            _one(node, vmid, values, folder, log)
            if values.get("remove", 1) and kept:
                prune(node, folder, vmid, kept, log)
        except (PveError, OSError) as fault:
            log(f"Backup of VM {vmid} failed - {fault}", "ERROR")
            failed += 1
    if failed:
        raise PveError("job errors")


def _one(node: Node, vmid: int, values: dict[str, Any], folder: Path, log: Log) -> None:
    began = time.monotonic()
    stamp = node.now()
    suffix = _SUFFIX[str(values.get("compress", "0"))]
    archive = folder / f"vzdump-lxc-{vmid}-{stamp:%Y_%m_%d-%H_%M_%S}{suffix}"
    log(f"Starting Backup of VM {vmid} (lxc)")
    log(f"Backup started at {stamp:%Y-%m-%d %H:%M:%S}")
    with node.guest_lock(vmid):
        config = guests.set_lock(node, vmid, "backup")
        config.values.pop("lock")
        try:
            _copy(node, vmid, config, values, archive, log)
        finally:
            guests.set_lock(node, vmid, "")
    log(f"archive file size: {archive.stat().st_size / 1024**2:.0f}MB")
    if "notes-template" in values:
        _note(node, vmid, config, values["notes-template"], archive)
    if values.get("protected"):
        archive.with_name(f"{archive.name}.protected").touch()
    took = time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - began))
    log(f"Finished Backup of VM {vmid} ({took})")
    archive.with_name(archive.name.removesuffix(suffix) + ".log").write_text("".join(log.lines))


def _copy(node: Node, vmid: int, config: Config, values: dict[str, Any], archive: Path, log: Log) -> None:
    """Archive a container's root in the mode that was asked for, or in `suspend` where there are no snapshots."""
    mode, running = values.get("mode", "snapshot"), node.backend.usage(vmid) is not None
    log(f"status = {'running' if running else 'stopped'}")
    log(f"CT Name: {config.values.get('hostname', f'CT{vmid}')}")
    kept = {key: text for key, text in config.volumes().items() if _included(key, text, log)}
    if mode == "snapshot" and running:
        try:
            images = snapshots.images(node, kept)
        except PveError:
            log("mode failure - some volumes do not support snapshots")
            log("trying 'suspend' mode instead")
            mode = "suspend"
    log(f"backup mode: {mode if running else 'stop'}")
    if mode == "snapshot" and running:
        log("create storage snapshot 'vzdump'")
        _from_snapshot(node, vmid, config, images, kept, values, archive)
        return
    if running and mode == "stop":
        log("stopping virtual guest")
        power.halt(node, vmid, int(values.get("stopwait", 10)) * 60, force=True)
    if running and mode == "suspend":
        node.backend.freeze(vmid, True)
    try:
        root = power.mount(node, vmid, config)
        _pack(node, config, root, kept, values, archive)
    finally:
        if running and mode == "suspend":
            node.backend.freeze(vmid, False)
        else:
            power.unmount(node, vmid)
        if running and mode == "stop":
            log("restarting vm")
            power.launch(node, vmid, config)


def _included(key: str, text: str, log: Log) -> bool:
    if key == "rootfs":
        return True
    parsed = propstr.MOUNT.parse(text)
    bind = parsed["volume"].startswith("/")
    good = parsed.get("backup") == "1" and not bind
    reason = "" if good else f" ({'not a volume' if bind else 'disabled'})"
    log(f"{'including' if good else 'excluding'} {'bind' if bind else 'volume'} mount point {key} "
        f"('{parsed['mp']}') {'in' if good else 'from'} backup{reason}")  # fmt: skip
    return good


def _from_snapshot(
    node: Node, vmid: int, config: Config, images: list[Path], kept: dict[str, str], values: dict[str, Any], to: Path
) -> None:
    snapshots.copy(node, vmid, images, "vzdump")
    root = node.root / "mnt/vzsnap0"
    try:
        for (key, text), image in zip(kept.items(), snapshots.saved(images, "vzdump"), strict=True):
            below = "" if key == "rootfs" else propstr.MOUNT.parse(text)["mp"]
            node.backend.mount(image, root / below.lstrip("/"))
        _pack(node, config, root, kept, values, to)
    finally:
        node.backend.unmount(root)
        snapshots.drop(images, "vzdump")


def _pack(node: Node, config: Config, root: Path, kept: dict[str, str], values: dict[str, Any], archive: Path) -> None:
    current = Part({k: v for k, v in config.values.items() if k != "lock"}, config.current.description)
    own = Root(root, guests.owner(config))
    left_out = [f"./{propstr.MOUNT.parse(text)['mp'].strip('/')}/?*"
                for key, text in config.volumes().items() if key not in kept]  # fmt: skip
    wanted = [*(_EXCLUDED if values.get("stdexcludes", 1) else ()), *left_out]
    wanted += [
        f".{path}" if path.startswith("/") else path for path in values.get("exclude-path", "").split("\0") if path
    ]
    try:
        own.write(f"/{BACKUP_CONFIG}", ctconf.render(Config(current)))
        compress = {"1": "lzo"}.get(str(values.get("compress", "0")), str(values.get("compress", "0")))
        node.backend.pack(root, archive, guests.owner(config), compress, wanted)
    finally:
        (root / BACKUP_CONFIG).unlink(missing_ok=True)
        if (root / BACKUP_CONFIG).parent.exists():
            (root / BACKUP_CONFIG).parent.rmdir()


def _note(node: Node, vmid: int, config: Config, template: str, archive: Path) -> None:
    known = {
        "guestname": config.values.get("hostname", ""),
        "node": node.name,
        "vmid": str(vmid),
        "cluster": cluster.name(node),
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], template)
    archive.with_name(f"{archive.name}.notes").write_text(text.replace("\\n", "\n"))


def archives(folder: Path, vmid: int | None = None) -> list[tuple[Path, int, datetime]]:
    """The backups in a folder: file, container, time; those that do not follow the naming are not seen."""
    found = []
    for path in sorted(folder.glob("vzdump-lxc-*.tar*")):
        named = _STAMP.match(path.name)
        if named and not path.name.endswith((".notes", ".protected", ".dat")) and vmid in {None, int(named[1])}:
            found.append((path, int(named[1]), datetime.strptime(named[2], "%Y_%m_%d-%H_%M_%S")))
    return found


def prune(
    node: Node, folder: Path, vmid: int, keep: dict[str, str], log: Log, dry: bool = False
) -> list[dict[str, Any]]:
    """Delete what a retention does not keep; protected backups stay. The marks of all of a container's backups."""
    found = archives(folder, vmid)
    open_to_it = [one for one in found if not one[0].with_name(f"{one[0].name}.protected").exists()]
    log(f"prune older backups with retention: {', '.join(f'{k}={v}' for k, v in sorted(keep.items()))}")
    marked = dict(
        zip((one[0] for one in open_to_it), retention.marks([one[2] for one in open_to_it], keep), strict=True)
    )
    removed = [path for path, mark in marked.items() if mark == "remove"]
    for path in [] if dry else removed:
        log(f"removing backup '{path}'")
        stem = path.name.partition(".tar")[0]
        for one in (path, path.with_name(f"{path.name}.notes"), path.with_name(f"{stem}.log")):
            one.unlink(missing_ok=True)
    log(f"pruned {len(removed)} backup(s){' not covered by keep-retention policy' if removed else ''}")
    return [
        {
            "file": path,
            "vmid": vmid,
            "ctime": int(when.timestamp()),
            "mark": marked.get(path, "protected"),
            "type": "lxc",
        }
        for path, vmid, when in found
    ]
