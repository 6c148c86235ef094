"""The backups as a tree: program, configuration, credentials, keys of the sets, units (docs/backup.md)."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from estate.models.backup import BackupSettings
from estate.models.backup_secrets import IDENTITY, SIGNING_SEED
from estate.models.desired import Desired, Directory, File, Handler, Node, Tree
from estate.models.host import StackHost
from estate.models.stack import Stack
from estate.render.backup_config import backups_dir, config_json, key_path, keys_of, secrets_dir
from estate.render.backup_keys import public_key, rclone_conf, recipient, signing_key
from estate.render.backup_units import mounts, scripts_dir, timers, unit_files, words_of
from estate.render.templates import ROOT, render, verbatim

TASK = "backups"
PROGRAM = "backup/estate_backup"
"""Below files/."""
PACKAGES = ("age", "openssl", "python3", "rclone", "zstd")


def _program(stack: Stack) -> Iterator[Node]:
    """The package that runs on the host, as it lies in files/."""
    top = ROOT / "files" / PROGRAM
    target = f"{scripts_dir(stack)}/{top.name}"
    sources = sorted(top.rglob("*.py"))
    folders = {source.parent.relative_to(top).as_posix() for source in sources} | {"."}
    for folder in sorted(folders):
        yield Directory(target if folder == "." else f"{target}/{folder}")
    for source in sources:
        name = source.relative_to(top).as_posix()
        yield File(f"{target}/{name}", verbatim(f"{PROGRAM}/{name}"))


def _scripts(host: StackHost, stack: Stack) -> Iterator[File]:
    words = words_of(stack)
    alertmanager = stack.service("alertmanager") if "alertmanager" in stack else None
    for name, template in (
        ("estate-backup", "estate-backup.sh.j2"),
        ("backup-all.sh", "backup-all.sh.j2"),
        ("notify-failure.sh", "notify-failure.sh.j2"),
    ):
        text = render(f"backups/{template}", host=host, alertmanager=alertmanager, **words)
        yield File(f"{scripts_dir(stack)}/{name}", text.encode(), mode=0o755)


def _directories(stack: Stack) -> Iterator[Directory]:
    top, secrets = backups_dir(stack), secrets_dir(stack)
    yield Directory(stack.settings.root)
    # Others may pass: the metrics are read by node exporter, as nobody
    yield from (Directory(path) for path in (top, scripts_dir(stack), f"{top}/metrics"))
    yield from (Directory(f"{top}/{name}", mode=0o700) for name in ("sets", "work", "state"))
    yield from (Directory(path, mode=0o700) for path in (stack.secrets_dir, secrets, f"{secrets}/keys"))


def _secret(path: str, text: str) -> File:
    return File(path, text.encode(), mode=0o400, mask="whole")


def _secrets(
    stack: Stack, settings: BackupSettings, values: Mapping[str, str], recipients: tuple[str, ...]
) -> Iterator[File]:
    folder = secrets_dir(stack)
    yield _secret(f"{folder}/rclone.conf", rclone_conf(settings.rclone_stores, values))
    yield _secret(f"{folder}/identity", f"# public key: {recipients[-1]}\n{values[IDENTITY]}\n")
    yield _secret(f"{folder}/signing.pem", signing_key(values[SIGNING_SEED]))
    for name in keys_of(stack):
        yield _secret(key_path(stack, name), values[name])


def backups(host: StackHost, stack: Stack, secrets: Mapping[str, str]) -> Desired:
    """What `tasks/backups.py` makes true; without settings only the place of the metrics.

    + secrets: values of the stack's secrets and of the backups' own
    """
    settings = host.backups
    if settings is None:
        top = backups_dir(stack)
        paths = (stack.settings.root, top, f"{top}/metrics")
        return Desired(TASK, tree=Tree(tuple(Directory(path) for path in paths)))
    recipients = (*host.age_recipients, recipient(secrets[IDENTITY]))
    top = backups_dir(stack)
    units = unit_files(stack, settings)
    files = (
        File(f"{top}/config.json", config_json(host, stack, settings, recipients).encode()),
        File(f"{top}/signing.pub", public_key(secrets[SIGNING_SEED]).encode()),
        *_scripts(host, stack),
        *_secrets(stack, settings, secrets, recipients),
        *units,
    )
    nfs = ("nfs-common",) if mounts(settings) else ()
    digest = sha256("".join(unit.digest for unit in units).encode()).hexdigest()
    return Desired(
        TASK,
        packages=(*PACKAGES, *nfs),
        tree=Tree((*_directories(stack), *_program(stack), *files)),
        units=timers(settings),
        handlers=(Handler("backup-units", "systemctl daemon-reload", digest, tuple(unit.path for unit in units)),),
    )
