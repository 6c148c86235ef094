"""The backups' systemd units: a service and a timer for each job, one that tells of failures, mounts of NFS stores."""

import re
from dataclasses import dataclass

from estate.models.backup import BackupSettings, DirectoryStore
from estate.models.desired import File, Unit
from estate.models.stack import Stack
from estate.render.backup_config import backups_dir, secrets_dir
from estate.render.templates import render

DIRECTORY = "/etc/systemd/system"


@dataclass(frozen=True)
class Job:
    """What a timer starts: a program below scripts/ with its arguments; `timeout` as systemd writes it."""

    name: str
    description: str
    command: str
    calendar: str
    timeout: str

    @property
    def unit(self) -> str:
        """The units' name without its ending."""
        return f"estate-backup-{self.name}"


def jobs(settings: BackupSettings) -> tuple[Job, ...]:
    """The four jobs. The check reads every byte back: a size and a stored hash do not prove that it can be read."""
    when = settings.schedules
    return (
        Job("daily", "Daily backup", "backup-all.sh daily", when.daily, "6h"),
        Job("weekly", "Weekly backup", "backup-all.sh weekly", when.weekly, "6h"),
        Job("check", "Weekly check of all backup sets", "estate-backup check --read-data", when.check, "12h"),
        Job("drill", "Weekly restore drill of the newest backup set", "estate-backup drill newest", when.drill, "4h"),
    )


def timers(settings: BackupSettings) -> tuple[Unit, ...]:
    """The timers, which have to run."""
    return tuple(Unit(f"{job.unit}.timer") for job in jobs(settings))


def unit_name(path: str) -> str:
    """A path as systemd names its mount unit (systemd.unit(5), "String escaping"): /mnt/my-nas is mnt-my\\x2dnas."""
    escaped = re.sub(r"[^A-Za-z0-9:_./]", lambda found: f"\\x{ord(found[0]):02x}", path.strip("/"))
    return re.sub(r"^\.", r"\\x2e", escaped).replace("/", "-")


def mounts(settings: BackupSettings) -> dict[str, DirectoryStore]:
    """The mount units to write, by name."""
    return {f"{unit_name(s.mount)}.mount": s for s in settings.nfs_stores if s.mount and s.source}


def scripts_dir(stack: Stack) -> str:
    """Where the program and its wrappers lie."""
    return f"{backups_dir(stack)}/scripts"


def words_of(stack: Stack) -> dict[str, str]:
    """The paths that templates name."""
    return {
        "backups": backups_dir(stack),
        "scripts": scripts_dir(stack),
        "secrets": secrets_dir(stack),
        "data": stack.data_dir,
    }


def unit_files(stack: Stack, settings: BackupSettings) -> list[File]:
    """All units as files."""
    words = words_of(stack)
    own = [store for store in settings.stores if isinstance(store, DirectoryStore)]
    inside = (f"{words['backups']}/", f"{words['data']}/")
    writable = sorted({store.mount or store.path for store in own if not store.path.startswith(inside)})
    mounted = mounts(settings)
    files = []
    for job in jobs(settings):
        service = render("backups/backup.service.j2", job=job, mounts=sorted(mounted), writable=writable, **words)
        timer = render("backups/backup.timer.j2", job=job, delay=settings.schedules.delay)
        files += [
            File(f"{DIRECTORY}/{job.unit}.service", service.encode()),
            File(f"{DIRECTORY}/{job.unit}.timer", timer.encode()),
        ]
    failed = render("backups/failed.service.j2", **words)
    files.append(File(f"{DIRECTORY}/estate-backup-failed@.service", failed.encode()))
    for name, store in mounted.items():
        files.append(File(f"{DIRECTORY}/{name}", render("backups/nfs.mount.j2", store=store).encode()))
    return files
