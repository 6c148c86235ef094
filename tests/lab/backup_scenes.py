"""What the tests of the backups have in common: data in every service, and what they look like from outside."""

import json
import os
import re
import shlex
import subprocess
import time

from estate_copy import BIN, REPO, estate_command, inside

LAB = "inventories/lab.py"
HOST = "mainframe"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
B2 = "estate-lab-b2"
BUCKET = "/data/MainframeBackup"
PROGRAM = "/opt/prodg/backups/scripts/estate-backup"

FILL = """set -eu
docker exec -i postgres sh -c 'psql -qX -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"' <<'SQL'
create table if not exists estate_test (id int primary key, words text);
insert into estate_test select n, md5(n::text) from generate_series(1, 5000) n on conflict do nothing;
SQL
docker exec redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/password) redis-cli set estate-test "kept in redis"' \\
    >/dev/null
docker exec s3 sh -c 'rclone mkdir self:estate-test
for n in 1 2 3; do head -c 100000 /dev/urandom | rclone rcat "self:estate-test/folder $n/object-$n"; done
printf "the same" | rclone rcat self:estate-test/twice; printf "the same" | rclone rcat self:estate-test/again'
docker exec headscale headscale users create estate-test >/dev/null 2>&1 || :
python3 - <<'END'
import sqlite3
for path in ("/opt/prodg/data/vaultwarden/db.sqlite3", "/opt/prodg/data/grafana/grafana.db"):
    with sqlite3.connect(path, timeout=10) as database:
        database.execute("create table if not exists estate_test (name text)")
        database.execute("insert into estate_test values ('in the write-ahead log')")
END
mkdir -p /opt/prodg/data/vaultwarden/attachments/one
echo attached >/opt/prodg/data/vaultwarden/attachments/one/file
chown -R 1000:1000 /opt/prodg/data/vaultwarden/attachments
"""

LOOK = """set -u
echo postgres; docker exec postgres sh -c 'psql -qtAX -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c \
"select count(*), md5(string_agg(words, chr(44) order by id)) from estate_test"'
echo roles; docker exec postgres sh -c 'psql -qtAX -U "$POSTGRES_USER" -d postgres -c \
"select rolname from pg_roles order by 1"'
echo redis; docker exec redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/password) redis-cli get estate-test'
echo s3; docker exec s3 rclone hashsum md5 self:estate-test | sort
echo headscale; docker exec headscale headscale users list -o json | python3 -c 'import json, sys
print(sorted((user["name"], user["id"]) for user in json.load(sys.stdin)))'
docker exec headscale headscale preauthkeys list -o json | python3 -c 'import json, sys
print(sorted((key["id"], key["key"]) for key in json.load(sys.stdin)))'
for path in /opt/prodg/data/vaultwarden/db.sqlite3 /opt/prodg/data/grafana/grafana.db; do
    echo "$path"; python3 -c 'import sqlite3, sys
d = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(d.execute("select count(*), max(name) from estate_test").fetchall())' "$path"
done
echo attachments; cd /opt/prodg/data/vaultwarden/attachments && find . -type f -exec sha256sum {} + | sort
echo noise; sha256sum </opt/prodg/data/headscale/noise_private.key
"""


def fill():
    """Give every service something to lose."""
    inside(HOST, FILL)


def look():
    """What the services hold, as text that is the same when they hold the same."""
    return inside(HOST, LOOK)


def backup(*words, code=0, timeout=900):
    """`estate backup WORD INVENTORY … --json`: what it answered. Asserts how it ended."""
    result = subprocess.run(
        [str(BIN / "estate"), "backup", words[0], LAB, *words[1:], "--json"],
        cwd=REPO,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout) if result.stdout.strip() else {"said": result.stderr}


def newest():
    """The id of the newest whole set."""
    run = estate_command("backup", "show", LAB)
    found = re.search(r"newest set is (\S+)", run.text)
    assert found, run.text
    return found[1]


def store(script):
    """What a script printed that ran where the lab's object store keeps its files."""
    argv = ["docker", "exec", "-i", B2, "sh", "-s"]
    script = f"cd {BUCKET} && {{ {script}\n}}"
    result = subprocess.run(argv, input=script.encode(), capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode(errors="replace")


def page(path, head=""):
    """Run a page's commands as they stand there; what they printed. Asserts that they ended well."""
    blocks = BLOCK.findall((REPO / path).read_text())
    chosen = [block for block in blocks if head in block]
    environment = os.environ | {"INVENTORY": LAB, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200"}
    result = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + "\n".join(chosen)],
        cwd=REPO,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def quote(text):
    """A word of shell."""
    return shlex.quote(text)


QUICK = ("RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=2", "RCLONE_CONTIMEOUT=5s", "RCLONE_TIMEOUT=20s")
"""A store that is away is given up soon."""
BACKUPS = "/opt/prodg/backups"
VAULT = "/opt/prodg/data/vaultwarden"
PROCESSES = """import glob, os, sys
for path in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        words = open(path, "rb").read().decode(errors="replace").split("\\0")
    except OSError:
        continue
    pid = path.split("/")[2]
    if all(any(wanted in word for word in words) for wanted in sys.argv[1:]) and pid != str(os.getpid()):
        print(pid)
"""


def argv(*words, settings=QUICK):
    """The host's program, as the lab's engine starts it there."""
    return ["docker", "exec", f"estate-lab-{HOST}", "env", *settings, PROGRAM, *words]


def program(*words, code=0, timeout=900, settings=QUICK):
    """What the host's program answered with --json. Asserts how it ended."""
    words = argv(*words, "--json", settings=settings)
    result = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def start(*words):
    """The host's program, running while the test does something to it."""
    pipe = subprocess.PIPE
    return subprocess.Popen(argv(*words, "--json"), stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def ended(process, timeout=600):
    """Exit code and answer of a program that was started; {} when it could not answer any more."""
    out, _ = process.communicate(timeout=timeout)
    return process.returncode, json.loads(out) if out.strip() else {}


def pids(*words):
    """The host's processes whose arguments contain all these words."""
    script = f"python3 - {' '.join(quote(word) for word in words)} <<'END'\n{PROCESSES}END\n"
    return inside(HOST, script).split()


def await_pids(*words, seconds=120):
    """Wait for such a process."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := pids(*words):
            return found
        time.sleep(0.2)
    raise AssertionError(f"no process with {words}")


def edit_config(change):
    """Change the program's configuration on the host; the next deploy puts the declared one back."""
    path = f"{BACKUPS}/config.json"
    given = json.loads(inside(HOST, f"cat {path}"))
    change(given)
    inside(HOST, f"cat >{path} <<'END'\n{json.dumps(given)}\nEND\n")


def sets(name="b2"):
    """The sets of a store, by id."""
    return {row["id"]: row for row in program("list", "--store", name)["sets"]}


def await_store(name="b2", seconds=60):
    """Wait until a store answers."""
    end = time.monotonic() + seconds
    while ended(start("list", "--store", name))[0]:
        assert time.monotonic() < end, f"{name} does not answer"
        time.sleep(1)


def spooled():
    """Files that runs left in the spool."""
    return inside(HOST, f"find {BACKUPS}/work -type f")


def prove(*names):
    """Note good drills of these sets, as a drill of all services would."""
    path = f"{BACKUPS}/state/proven.json"
    known = json.loads(inside(HOST, f"cat {path} 2>/dev/null || echo '{{}}'"))
    known |= {name: {"ok": True, "at": "now", "store": "local"} for name in names}
    inside(HOST, f"umask 077; cat >{path} <<'END'\n{json.dumps(known)}\nEND\n")
