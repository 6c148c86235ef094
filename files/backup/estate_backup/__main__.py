"""The program: `estate-backup COMMAND`. Logs go to stderr; `--json` gives one document on stdout.

Exit: 0 done · 1 something is missing or wrong · 64 command line or configuration · 75 another run holds the lock
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from estate_backup import check, config, lock, prune, run, show, table
from estate_backup.config import KINDS, SAFETY, Config
from estate_backup.errors import BackupError, UsageError
from estate_backup.store import Store, open_store

LOG = logging.getLogger("estate-backup")
DEFAULT = "/opt/prodg/backups/config.json"
Answer = tuple[bool, Any]
"""whether all is well, and the document"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr, force=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        read = config.load(Path(options.config))
        ok, document = options.answer(read, options)
    except BackupError as fault:
        for line in str(fault).splitlines():
            LOG.error("%s", line)
        if options.json:
            print(json.dumps({"ok": False, "fault": str(fault), "code": fault.code}))
        return fault.code
    except OSError as fault:
        LOG.error("%s", fault)
        return 1
    print(json.dumps(document) if options.json else table.text(options.command, document))
    return 0 if ok else 1


def _stop(number: int, frame: Any) -> None:
    """End as if interrupted: what was paused is resumed, and the spool is emptied, on the way out."""
    raise SystemExit(128 + number)


def _run(read: Config, options: argparse.Namespace) -> Answer:
    with lock.held(read.lock):
        report = run.run(read, options.kind, options.service, options.store)
    return report.ok, report.document()


def _list(read: Config, options: argparse.Namespace) -> Answer:
    found = show.listing(read, options.store)
    return not found["faults"], found


def _show(read: Config, options: argparse.Namespace) -> Answer:
    return True, show.show(read, options.set, options.store)


def _check(read: Config, options: argparse.Namespace) -> Answer:
    found = check.check(read, options.store, options.set, options.read_data)
    return all(item.ok for item in found), {"stores": [check.document(item) for item in found]}


def _prune(read: Config, options: argparse.Namespace) -> Answer:
    pruned: dict[str, Any] = {}
    ok = True
    with lock.held(read.lock):
        for name in options.store or [item.name for item in read.stores]:
            try:
                store = open_store(read, name)
                store.ready()
                pruned[name] = prune.summary(_pruned(read, store, options))
            except BackupError as fault:
                ok, pruned[name] = False, {"sets": [], "objects": 0, "why": str(fault)}
    if options.incomplete and not any(mine["sets"] for mine in pruned.values()):
        ok = False
    return ok, {"dry_run": options.dry_run, "stores": pruned}


def _pruned(read: Config, store: Store, options: argparse.Namespace) -> prune.Pruned:
    if options.incomplete:
        return prune.remove_incomplete(read, store, options.incomplete)
    return prune.prune(read, store, options.dry_run)


def _accept(read: Config, options: argparse.Namespace) -> Answer:
    with lock.held(read.lock):
        return True, show.accept(read, options.set)


def _status(read: Config, options: argparse.Namespace) -> Answer:
    return True, show.status(read)


def _keys(read: Config, options: argparse.Namespace) -> Answer:
    if sys.stdout.isatty():
        raise UsageError("keys", "standard output is a terminal", "send the keys through a pipe, never to a screen")
    options.json = True
    return True, show.keys(read, options.set, options.store)


def _restore(read: Config, options: argparse.Namespace) -> Answer:
    from estate_backup import restore  # a backup that a timer starts does without

    store, services = options.store or None, tuple(options.service)
    with lock.held(read.lock):
        report = restore.restore(
            read, options.set, store=store, services=services, to=options.to, confirm=options.confirm
        )
    return bool(report.get("ok", True)), report


def _abandon(read: Config, options: argparse.Namespace) -> Answer:
    from estate_backup import restore

    with lock.held(read.lock):
        report = restore.abandon(read)
    return bool(report["ok"]), report


def _drill(read: Config, options: argparse.Namespace) -> Answer:
    from estate_backup import drill

    with lock.held(read.lock):
        report = drill.drill(read, options.set, store=options.store or None, services=tuple(options.service))
    return bool(report["ok"]), report


class _Parser(argparse.ArgumentParser):
    """Wrong usage exits 64, as sysexits(3) has it."""

    def error(self, message: str) -> Any:
        """Say what is wrong."""
        self.print_usage(sys.stderr)
        self.exit(UsageError.code, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="estate-backup", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", default=os.environ.get("ESTATE_BACKUP_CONFIG", DEFAULT))
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def command(name: str, answer: Callable[[Config, argparse.Namespace], Answer], text: str) -> _Parser:
        found: _Parser = commands.add_parser(name, help=text, description=text)
        found.add_argument("--json", action="store_true", help="one JSON document on stdout")
        found.set_defaults(answer=answer)
        return found

    made = command("run", _run, "make a set and ship it")
    made.add_argument("--kind", choices=[kind for kind in KINDS if kind != SAFETY], default="manual")
    _many(made, "--service", "--store")
    _many(command("list", _list, "list the sets of the stores"), "--store")
    _set(command("show", _show, "show one set"))
    made = command("check", _check, "see whether the stores hold what was signed")
    _many(made, "--store")
    made.add_argument("--set", default="", help="an id, or newest; default: all")
    made.add_argument("--read-data", action="store_true", help="read every byte of them")
    made = command("prune", _prune, "remove what retention no longer wants")
    _many(made, "--store")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true")
    how.add_argument("--incomplete", metavar="SET", default="", help="remove only this upload that did not end")
    command("accept", _accept, "take a suspect set as good").add_argument("set")
    command("status", _status, "what this host knows of its backups")
    _set(command("keys", _keys, "write the keys of a set to a pipe"))
    made = _set(command("restore", _restore, "restore a set"))
    _many(made, "--service")
    made.add_argument("--to", choices=("scratch", "live"), required=True)
    made.add_argument("--confirm", default="", help="the host's name, to replace live data")
    command("abandon", _abandon, "give an interrupted restore up: what it was at gets its old data back")
    _many(_set(command("drill", _drill, "prove a set in scratch containers"), default="newest"), "--service")
    return parser


def _many(parser: _Parser, *names: str) -> None:
    for name in names:
        parser.add_argument(name, action="extend", nargs="+", default=[], metavar=name.lstrip("-").upper())


def _set(parser: _Parser, default: str = "") -> _Parser:
    if default:
        parser.add_argument("set", nargs="?", default=default, help="an id, or newest")
    else:
        parser.add_argument("set", help="an id, or newest")
    parser.add_argument("--store", default="")
    return parser


if __name__ == "__main__":
    sys.exit(main())
