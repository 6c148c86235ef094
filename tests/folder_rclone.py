"""rclone's commands on folders, within this process: a tenth of a second less for each call of the real one.

For tests of what stands above the store. What a store needs of rclone itself is tested with it
(tests/backup/test_store.py, test_check.py); test_folder_rclone.py compares the two.
"""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

NOT_FOUND = 3
WITH_VALUE = {
    "--config",
    "--transfers",
    "--max-depth",
    "--exclude",
    "--include",
    "--files-from-raw",
    "--format",
    "--max-delete",
}


class RefusedError(Exception):
    """The command failed: status and last words."""


def call(argv):
    """Do what rclone does for the words that the program gives it; return status, output and last words."""
    plain, options = [], {}
    words = iter(argv[1:])
    for word in words:
        if word in WITH_VALUE:
            options.setdefault(word, []).append(next(words))
        elif word.startswith("--") or word == "-R":
            options[word] = [True]
        else:
            plain.append(word)
    command, *paths = plain
    try:
        return 0, COMMANDS[command](options, *paths) or "", ""
    except RefusedError as fault:
        return *fault.args[:1], "", fault.args[1]
    except OSError as fault:
        return 1, "", f"{fault.strerror.lower()}: {fault.filename}"


def _folder(path):
    if not Path(path).is_dir():
        raise RefusedError(NOT_FOUND, f"directory not found: {path}")
    return Path(path)


def _files(root, options):
    """Files below a folder, by their names from there, as the filters have them."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            found[str(path.relative_to(root))] = path
    if "--files-from-raw" in options:
        wanted = set(Path(options["--files-from-raw"][0]).read_text().splitlines())
        return {name: path for name, path in found.items() if name in wanted}
    included, excluded = options.get("--include", ()), options.get("--exclude", ())
    return {
        name: path
        for name, path in sorted(found.items())
        if not any(_matches(rule, name) for rule in excluded)
        and (not included or any(_matches(rule, name) for rule in included))
    }


def _matches(rule, name):
    assert rule.startswith("/"), "only filters from the top are known here"
    return bool(re.fullmatch(re.escape(rule[1:]).replace(r"\*\*", ".*"), name))


def _list(options, path):
    root = _folder(path)
    if "--dirs-only" not in options:
        assert options["--format"] == ["sp"], options
        return "".join(f"{path.stat().st_size};{name}\n" for name, path in _files(root, options).items())
    depth = int(options.get("--max-depth", [1])[0])
    found = [entry for level in range(1, depth + 1) for entry in root.glob("/".join("*" * level)) if entry.is_dir()]
    names = sorted(f"{entry.relative_to(root)}/" for entry in found)
    return "".join(f"{n}\n" for n in names if not any(_matches(rule, n) for rule in options.get("--exclude", ())))


def _json(options, path):
    files = _files(_folder(path), options).items()
    return json.dumps([{"Path": name, "Size": found.stat().st_size} for name, found in files])


def _put(source, target, immutable=False):
    there = target.exists()
    if there and source.read_bytes() == target.read_bytes():
        return
    if there and immutable:
        raise RefusedError(6, "immutable file modified")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    shutil.copy2(source, partial)
    partial.chmod(0o666 & ~_umask())
    partial.rename(target)


def _umask():
    known = os.umask(0)
    os.umask(known)
    return known


def _copy(options, source, target):
    if "--files-from-raw" in options and not Path(source).is_dir():
        return
    for name, path in _files(_folder(source), options).items():
        _put(path, Path(target) / name, "--immutable" in options)


def _copyto(options, source, target):
    if not Path(source).is_file():
        raise RefusedError(NOT_FOUND, f"object not found: {source}")
    _put(Path(source), Path(target))


def _check(options, source, target):
    there = _files(_folder(target), options)
    for name, path in _files(_folder(source), options).items():
        if name not in there or there[name].read_bytes() != path.read_bytes():
            raise RefusedError(1, f"{name}: differs")


def _hashsum(options, kind, path):
    files = _files(_folder(path), options).items()
    return "".join(f"{hashlib.new(kind, found.read_bytes()).hexdigest()}  {name}\n" for name, found in files)


def _deletefile(options, path):
    if not Path(path).is_file():
        raise RefusedError(4, f"object not found: {path}")
    Path(path).unlink()


def _delete(options, path):
    files = list(_files(_folder(path), options).values())
    most = int(options["--max-delete"][0])
    for found in files[:most]:
        found.unlink()
    if len(files) > most:
        raise RefusedError(7, "--max-delete threshold reached")


def _rmdirs(options, path):
    for folder, _, _ in os.walk(_folder(path), topdown=False):
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()


COMMANDS = {
    "lsf": _list,
    "lsjson": _json,
    "copy": _copy,
    "copyto": _copyto,
    "check": _check,
    "hashsum": _hashsum,
    "deletefile": _deletefile,
    "delete": _delete,
    "rmdirs": _rmdirs,
}
