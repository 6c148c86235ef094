#!/usr/bin/env python3
"""A `docker` for tests of shell scripts: containers are lines of a JSON file, the compose file is JSON, too.

An image with "bad" in its name never becomes healthy, one with "gone" cannot be pulled, one with "rewrites"
writes to DATA/SERVICE when it starts. Every command is noted in `calls`.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(os.environ["FAKE_DOCKER"])
STATE = ROOT / "containers.json"
FLAGS_WITH_VALUE = ("--wait-timeout", "--policy", "--label", "--name", "--filter", "--format", "--tail")


def split(words):
    """The options and the other words of a command."""
    options, rest, words = {}, [], list(words)
    while words:
        word = words.pop(0)
        if word in FLAGS_WITH_VALUE:
            options.setdefault(word, []).append(words.pop(0))
        elif word.startswith("-"):
            options[word] = True
        else:
            rest.append(word)
    return options, rest


def start(container):
    container["status"] = "exited" if "exits" in container["image"] else "running"
    container["health"] = "unhealthy" if "bad" in container["image"] else "healthy"
    if "rewrites" in container["image"]:
        (ROOT / "data" / container["service"] / "file").write_text("rewritten\n")


def create(there, name, service, definition, oneoff=False):
    there[name] = {"service": service, "image": definition["image"], "made_from": definition, "oneoff": oneoff}
    start(there[name])


def compose(there, words):
    verb, (options, names) = words[5], split(words[6:])
    services = json.loads(Path("docker-compose.yml").read_text())
    names = names or list(services)
    if verb == "pull":
        return any("gone" in services[name]["image"] for name in names)
    if verb == "run":
        create(there, options["--name"][0], names[0], services[names[0]], oneoff=True)
        return 0
    if verb != "up":
        return 0
    for name in names:
        if name not in there or there[name]["made_from"] != services[name]:
            create(there, name, name, services[name])
        elif there[name]["status"] != "running":
            start(there[name])
    for name in [n for n, c in there.items() if "--remove-orphans" in options and c["service"] not in services]:
        del there[name]
    return any((there[n]["status"], there[n]["health"]) != ("running", "healthy") for n in names)


def inspect(container, name, template):
    if "oneoff" in template:
        return container["service"] if container["oneoff"] else f"/{name}"
    if "ExitCode}}" in template and "range" not in template:
        return "0"
    if "range" in template:
        return "1 the probe said no"
    if ".State.Error" in template:
        return ""
    if ".State.Running" in template:
        return str(container["status"] == "running").lower()
    return f"{container['status']} {container['health']}"


def main(words):
    there = json.loads(STATE.read_text()) if STATE.exists() else {}
    with (ROOT / "calls").open("a") as calls:
        print(*words, file=calls)
    options, names = split(words[1:])
    code = 0
    if words[0] == "compose":
        code = int(compose(there, words))
    elif words[0] == "ps":
        only_next = "label=estate.next" in options["--filter"]
        print(*(n for n, c in there.items() if c["oneoff"] or not only_next), sep="\n")
    elif words[0] == "inspect":
        if names[0] not in there:
            return 1
        print(inspect(there[names[0]], names[0], options.get("--format", [""])[0]))
    elif words[0] == "rm":
        code = int(any(there.pop(name, None) is None for name in names))
    elif words[0] == "stop":
        for name in names:
            there[name]["status"] = "exited"
    elif words[0] == "logs":
        print(f"a log line of {names[0]}")
    STATE.write_text(json.dumps(there))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
