"""What is wrong with a configuration, beyond its types: each fault a line, path first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from estate_backup.config import KINDS, PART_KINDS, STORE_KINDS, Config, Part, Service, StoreConfig

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
RECIPIENT = re.compile(r"age1[a-z0-9]{58}|age1[a-z0-9]+1[a-z0-9]+|ssh-(ed25519|rsa) \S+.*")
BANDWIDTH = re.compile(r"off|0|[0-9]+(\.[0-9]+)?[BKMGkmg]?i?(:(off|[0-9]+(\.[0-9]+)?[BKMGkmg]?i?))?")
REMOTE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*:.+")
RESERVED = ("contents.json.age", "manifest.json", "manifest.json.sig")


def faults_of(config: Config) -> list[str]:
    """All faults of a configuration whose types are right."""
    return [
        *_host(config),
        *_twice("stores", (item.name for item in config.stores)),
        *_twice("services", (item.name for item in config.services)),
        *(fault for store in config.stores for fault in _store(store)),
        *(fault for service in config.services for fault in _service(service)),
        *_depends(config),
    ]


def _host(config: Config) -> Iterator[str]:
    if not NAME.fullmatch(config.host):
        yield f"host: {config.host!r} is not a name"
    if not config.root.is_absolute():
        yield f"root: {config.root} is not absolute"
    if not config.recipients:
        yield "recipients: there are none; without one nobody could open a set"
    for number, recipient in enumerate(config.recipients):
        if not RECIPIENT.fullmatch(recipient):
            yield f"recipients/{number}: is not an age recipient (age1… or ssh-ed25519 …)"
    if not config.stores:
        yield "stores: there are none"
    if not config.services:
        yield "services: there are none"
    if not BANDWIDTH.fullmatch(config.bandwidth):
        yield f"bandwidth: {config.bandwidth!r} is not a rate of rclone's --bwlimit, such as 10M"
    if not 1 <= config.transfers <= 64:
        yield f"transfers: {config.transfers} is not between 1 and 64"
    for name in ("daily", "weekly", "monthly", "max_deletions"):
        if getattr(config.retention, name) < (0 if name == "monthly" else 1):
            yield f"retention/{name}: is too small"


def _twice(at: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if not NAME.fullmatch(name) or name in RESERVED:
            yield f"{at}/{name}: is not usable as a name"
        if count > 1:
            yield f"{at}/{name}: is there {count} times"


def _store(store: StoreConfig) -> Iterator[str]:
    at = f"stores/{store.name}"
    if store.kind not in STORE_KINDS:
        yield f"{at}/kind: {store.kind!r} is none of {', '.join(STORE_KINDS)}"
    if store.kind == "rclone" and not REMOTE.fullmatch(store.remote):
        yield f"{at}/remote: {store.remote!r} is not SECTION:BUCKET/PATH"
    if store.kind == "directory" and not store.path.startswith("/"):
        yield f"{at}/path: {store.path!r} is not absolute"
    if store.kind == "directory" and not store.readable:
        yield f"{at}/readable: a directory is always readable"
    if store.mount and not f"{store.path}/".startswith(f"{store.mount.rstrip('/')}/"):
        yield f"{at}/mount: {store.path} is not below {store.mount}"
    yield from (f"{at}/kinds: {kind!r} is none of {', '.join(KINDS)}" for kind in store.kinds if kind not in KINDS)


def _service(service: Service) -> Iterator[str]:
    at = f"services/{service.name}"
    if service.parts and not service.container and any(part.kind in ("postgres", "redis") for part in service.parts):
        yield f"{at}/container: is empty, but a part of it asks the container"
    yield from _twice(f"{at}/parts", (part.name for part in service.parts))
    for part in service.parts:
        yield from (f"{at}/parts/{part.name}/{fault}" for fault in _part(part))
    yield from (f"{at}/keys/{name}: {path} is not absolute" for name, path in service.keys.items() if path[:1] != "/")


def _part(part: Part) -> Iterator[str]:
    if part.kind not in PART_KINDS:
        yield f"kind: {part.kind!r} is none of {', '.join(PART_KINDS)}"
    if part.kind in ("sqlite", "objects", "redis") and part.path[:1] != "/":
        yield f"path: {part.path!r} is not absolute"
    if part.kind == "files" and not part.paths:
        yield "paths: there are none"
    yield from (f"paths: {path!r} is not absolute" for path in part.paths if path[:1] != "/")


def _depends(config: Config) -> Iterator[str]:
    names = {service.name for service in config.services}
    for service in config.services:
        # what it depends on may keep nothing, but then a drill cannot start it
        yield from (
            f"services/{service.name}/depends: {name} is not among the services"
            for name in service.depends
            if name not in names
        )
