"""The watching as a tree: program, configuration, Telegram's access, a service and a timer for each job."""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from estate.models.desired import Desired, Directory, File, Handler, Node, Tree, Unit
from estate.models.host import Host
from estate.models.stack import Stack
from estate.models.watch import TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID, WatchSettings
from estate.render.node_exporter import exporter_port
from estate.render.templates import ROOT, render, verbatim
from estate.render.watch_jobs import Job, jobs

TASK = "watch"
PROGRAM = "watch/estate_watch"
"""Below files/."""
HOME = "/opt/estate-watch"
CONFIG = "/etc/estate-watch/config.json"
TELEGRAM = "/etc/estate-watch/telegram.json"
COMMAND = "/usr/local/sbin/estate-watch"
STATE = "/var/lib/estate-watch"
TEXTFILES = "/var/lib/prometheus/node-exporter"
"""Where Debian's node exporter reads metrics that others write."""
UNITS = "/etc/systemd/system"


def metrics_file(host: Host) -> str | None:
    """Where the host's metrics go; None where nobody reads them."""
    return f"{TEXTFILES}/estate_watch.prom" if exporter_port(host) is not None else None


def _program() -> Iterator[Node]:
    yield Directory(HOME)
    yield Directory(f"{HOME}/estate_watch")
    for source in sorted((ROOT / "files" / PROGRAM).glob("*.py")):
        yield File(f"{HOME}/estate_watch/{source.name}", verbatim(f"{PROGRAM}/{source.name}"))


def _config(host: Host, watch: WatchSettings, all_jobs: Sequence[Job]) -> File:
    document = {
        "host": host.name,
        "state": STATE,
        "metrics": metrics_file(host),
        "telegram": TELEGRAM,
        "api": watch.telegram_api,
        "jobs": {job.name: job.settings for job in all_jobs},
    }
    return File(CONFIG, (json.dumps(document, indent=1) + "\n").encode())


def _units(job: Job) -> Iterator[File]:
    service = render(
        "watch/watch.service.j2",
        description=job.description,
        program=COMMAND,
        job=job.name,
        state=STATE,
        metrics=TEXTFILES,
    )
    timer = render("watch/watch.timer.j2", description=job.description, calendar=job.calendar)
    yield File(f"{UNITS}/{job.unit}.service", service.encode())
    yield File(f"{UNITS}/{job.unit}.timer", timer.encode())


def watch(host: Host, stack: Stack | None, secrets: Mapping[str, str]) -> Desired | None:
    """What `tasks/watch.py` makes true; nothing on a host that watches nothing."""
    if host.watch is None:
        return None
    all_jobs = jobs(host, stack)
    units = [unit for job in all_jobs for unit in _units(job)]
    access = {"token": secrets[TELEGRAM_BOT_TOKEN.name], "chat": secrets[TELEGRAM_CHAT_ID.name]}
    words = {"home": HOME, "config": CONFIG, "telegram": TELEGRAM}
    nodes: list[Node] = [
        *_program(),
        Directory("/etc/estate-watch"),
        _config(host, host.watch, all_jobs),
        File(TELEGRAM, (json.dumps(access) + "\n").encode(), mode=0o400, mask="whole"),
        File(COMMAND, render("watch/estate-watch.sh.j2", **words).encode(), mode=0o755),
        *units,
    ]
    digest = sha256("".join(unit.digest for unit in units).encode()).hexdigest()
    return Desired(
        TASK,
        packages=("ca-certificates", "python3"),
        tree=Tree(tuple(nodes)),
        units=tuple(Unit(f"{job.unit}.timer") for job in all_jobs),
        handlers=(Handler("watch-units", "systemctl daemon-reload", digest, tuple(unit.path for unit in units)),),
    )
