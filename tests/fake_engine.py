#!/usr/bin/env python3
"""A `docker` whose containers are processes of this machine: PostgreSQL and Redis for real, the others hold files only.

State is in $FAKE_ENGINE: containers.json, networks.json, images (one a line; no file: every image is there), and
calls.jsonl with every command's words. A path of a container in a command is the path on the host that is mounted
there. An image with "bad" in its name never becomes healthy; a file `poison` in its data makes any container ill.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(os.environ.get("FAKE_ENGINE", "/nonexistent"))
FLAGS = {"--detach", "--read-only", "--no-healthcheck", "-i", "--force", "--volumes", "--all", "--quiet", "--internal"}
AS_ROOT = os.geteuid() == 0
SHIM = '#!/bin/sh\nexec {program} -s {socket} "$@"\n'


def load(name, default):
    path = ROOT / name
    return json.loads(path.read_text()) if path.exists() else default


def save(name, value):
    (ROOT / f"{name}.new").write_text(json.dumps(value))
    (ROOT / f"{name}.new").rename(ROOT / name)


def split(words):
    """Options with their values, then the words from the first that is none."""
    options, words = {}, list(words)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        options.setdefault(word, []).append(True if word in FLAGS else words.pop(0))
    return options, words


def mapped(container, text):
    for target, source in sorted(container["mounts"].items(), key=lambda item: -len(item[0])):
        text = text.replace(target, source)
    return text


def newest_postgres():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return [str(path) for path in found[-1:]]


def environment(container):
    values = {name: mapped(container, value) for name, value in container["env"].items()}
    bins = os.pathsep.join([f"{container['run']}/bin", *newest_postgres(), os.environ["PATH"]])
    return {**os.environ, **values, "PGHOST": container["run"], "PATH": bins}


def kind(container):
    return next((name for name in ("postgres", "redis") if name in container["image"]), "plain")


def user_of(container):
    if not AS_ROOT:
        return []
    user, _, group = container["user"].partition(":")
    return ["setpriv", f"--reuid={user}", f"--regid={group or user}", "--clear-groups"]


def bound(container, source, argv):
    """A command that sees `source` at RUN/data, as other users may not look into the test's folders."""
    place = f"{container['run']}/data"
    if not AS_ROOT:
        Path(place).unlink(missing_ok=True)
        Path(place).symlink_to(source)
        return argv
    Path(place).mkdir(exist_ok=True)
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1"; shift; exec "$@"', source, place, *argv]


def start(container):
    container["run"] = tempfile.mkdtemp(prefix="fe-", dir="/tmp")  # a socket's path must be short
    Path(container["run"]).chmod(0o777)
    (Path(container["run"]) / "bin").mkdir()
    container["status"], container["code"] = "running", 0
    {"postgres": start_postgres, "redis": start_redis, "plain": lambda _: None}[kind(container)](container)


def start_postgres(container):
    source, env = container["mounts"]["/var/lib/postgresql/data"], environment(container)
    data, as_user = f"{container['run']}/data", user_of(container)
    fresh = not (Path(source) / "PG_VERSION").exists()
    steps = []
    if fresh:
        file = Path(container["run"]) / "password"
        file.write_text(Path(env["POSTGRES_PASSWORD_FILE"]).read_text())
        file.chmod(0o644)
        init = ["initdb", "-D", data, "--username", env["POSTGRES_USER"], "--pwfile", str(file), "--auth-host"]
        steps.append([*init, "scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8"])
    options = f"-k {container['run']} -c listen_addresses='' -c fsync=off -c log_statement=all"
    steps.append(["pg_ctl", "-D", data, "-o", options, "-l", f"{container['run']}/log", "-w", "start"])
    for step in steps:
        subprocess.run(bound(container, source, [*as_user, *step]), env=env, check=True, stdout=subprocess.DEVNULL)
    container["pid"] = int((Path(source) / "postmaster.pid").read_text().split()[0])
    if fresh:
        psql = ["psql", "-Xq", "-U", env["POSTGRES_USER"], "-d", "postgres", "-c"]
        subprocess.run([*psql, f'create database "{env["POSTGRES_DB"]}"'], env=env, check=True)


def start_redis(container):
    socket, env = f"{container['run']}/socket", environment(container)
    config = Path(container["run"]) / "redis.conf"
    text = mapped(container, Path(mapped(container, "/usr/local/etc/redis/redis.conf")).read_text())
    config.write_text(f"{text}\nport 0\nunixsocket {socket}\nunixsocketperm 777\n")
    shim = Path(container["run"]) / "bin" / "redis-cli"
    shim.write_text(SHIM.format(program=shutil.which("redis-cli"), socket=socket))
    shim.chmod(0o755)
    argv = ["redis-server", str(config), *container["command"][2:]]
    with (Path(container["run"]) / "log").open("wb") as log:
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    container["pid"] = process.pid
    until = time.monotonic() + 10
    while not Path(socket).exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def stop(container):
    if container["status"] != "running":
        return
    if container.get("pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(container["pid"], signal.SIGINT if kind(container) == "postgres" else signal.SIGTERM)
        until = time.monotonic() + 30
        while alive(container["pid"]) and time.monotonic() < until:
            time.sleep(0.02)
    log = Path(container["run"]) / "log"
    if log.exists():
        with (ROOT / "logs").open("ab") as logs:
            logs.write(log.read_bytes())
    shutil.rmtree(container["run"], ignore_errors=True)
    container.update(status="exited", code=0, pid=None)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ill(container):
    poisoned = any((Path(source) / "poison").exists() for source in container["mounts"].values())
    return "bad" in container["image"] or poisoned


def inspect(there, words):
    _, names = split(words)
    if names[0] not in there:
        print(f"Error: No such container: {names[0]}", file=sys.stderr)
        return 1
    container = there[names[0]]
    health = (
        {"Status": "unhealthy" if ill(container) else "healthy"} if container["label"] != "estate.drill=1" else None
    )
    state = {"Status": container["status"], "ExitCode": container["code"], "Health": health}
    print(json.dumps([{"State": {key: value for key, value in state.items() if value is not None}}]))
    return 0


def execute(there, words):
    _, (name, *argv) = split(words)
    container = there.get(name)
    if not container or container["status"] != "running":
        print(f"container {name} is not running", file=sys.stderr)
        return 1
    if argv[0] == "health":
        return int(ill(container))
    argv = [mapped(container, word) for word in argv]
    return subprocess.run(argv, env=environment(container), check=False).returncode


def mount(text):
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    return pairs["target"], pairs["source"]


def run(there, words):
    options, (image, *command) = split(words)
    known = ROOT / "images"
    if known.exists() and image not in known.read_text().split():
        print(f"Unable to find image '{image}' locally", file=sys.stderr)
        return 125
    env = dict(line.partition("=")[::2] for line in Path(options["--env-file"][0]).read_text().splitlines())
    container = {
        "image": image,
        "command": command,
        "mounts": dict(mount(text) for text in options.get("--mount", ())),
        "env": env,
        "user": options.get("--user", ["0:0"])[0],
        "label": options.get("--label", [""])[0],
        "network": options["--network"][0],
        "options": options,
    }
    there[options["--name"][0]] = container
    start(container)
    return 0


def network(words):
    there, (_, names) = load("networks.json", []), split(words[1:])
    if words[0] == "create":
        there.append(names[0])
    elif words[0] == "rm":
        there = [name for name in there if name not in names]
    else:
        print(*there, sep="\n")
    save("networks.json", there)
    return 0


def remove(there, words):
    for name in split(words)[1]:
        if name in there:
            stop(there.pop(name))
    return 0


def ps(there):
    print(*(name for name, container in there.items() if container["label"] == "estate.drill=1"), sep="\n")
    return 0


def each(there, words, act):
    for name in split(words)[1]:
        if name not in there:
            print(f"Error: No such container: {name}", file=sys.stderr)
            return 1
        act(there[name])
    return 0


def main(words):
    with (ROOT / "calls.jsonl").open("a") as calls:
        print(json.dumps(words), file=calls)
    hook = ROOT / "hooks" / words[0]
    if hook.exists() and subprocess.run([hook, *words[1:]], check=False).returncode:
        return 1
    if words[0] == "network":
        return network(words[1:])
    there = load("containers.json", {})
    if words[0] == "exec":
        return execute(there, words[1:])
    answers = {
        "run": lambda: run(there, words[1:]),
        "rm": lambda: remove(there, words[1:]),
        "ps": lambda: ps(there),
        "inspect": lambda: inspect(there, words[1:]),
        "start": lambda: each(there, words[1:], lambda one: one["status"] == "running" or start(one)),
        "stop": lambda: each(there, words[1:], stop),
        "logs": lambda: 0,
    }
    code = answers[words[0]]()
    save("containers.json", there)
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
