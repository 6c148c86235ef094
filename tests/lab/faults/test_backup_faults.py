"""Backups: whatever goes wrong is told, no set that was good is lost, and the next run is good again."""

import contextlib
import subprocess
import time
from pathlib import Path

import pytest
from backup_scenes import (
    B2,
    BACKUPS,
    BUCKET,
    HOST,
    VAULT,
    await_pids,
    await_store,
    backup,
    edit_config,
    ended,
    fill,
    look,
    pids,
    program,
    prove,
    quote,
    sets,
    spooled,
    start,
    store,
)
from estate_copy import inside

from lab.hosts import B2 as B2_ADDRESS

pytestmark = pytest.mark.mainframe

CONF = "/opt/prodg/secrets/backup/rclone.conf"
MOODY = Path(__file__).with_name("moody_store.py").read_text()
ALWAYS = 1 << 30
VAULT_SET = ("run", "--kind", "manual", "--service", "vaultwarden")
TO_B2, TO_LOCAL = ("--store", "b2"), ("--store", "local")
UPLOAD = ("copy", "b2:", "/manual/")
"""What is among the words of the rclone that sends a set."""


@pytest.fixture(scope="module", autouse=True)
def good_again():
    """The last run that the host remembers is no fault's: the verification would rightly name it."""
    yield
    good(*TO_LOCAL)


@pytest.fixture(autouse=True)
def filled():
    """Something to keep, and nothing that an earlier fault left suspect."""
    fill()
    yield
    for name in program("status")["suspect"]:
        program("accept", name)
    for name, row in sets().items():
        if not row["complete"] and row["fault"].startswith("incomplete"):
            program("prune", "--incomplete", name, *TO_B2)


@pytest.fixture
def slow():
    """An upload that lasts a quarter of a minute: a megabyte at 64 KiB a second."""
    inside(HOST, f"head -c 1000000 /dev/urandom >{VAULT}/attachments/big")
    edit_config(lambda given: given.update(bandwidth="64K"))
    yield
    inside(HOST, f"rm -f {VAULT}/attachments/big")
    edit_config(lambda given: given.update(bandwidth="0"))
    _, answer = ended(start(*VAULT_SET, *TO_LOCAL))
    if answer.get("suspect"):  # that it is gone now is right
        program("accept", answer["id"])


@pytest.fixture
def unproven():
    """No drill is known, so no run prunes on its own; afterwards what was known is known again."""
    proven = f"{BACKUPS}/state/proven.json"
    inside(HOST, f"[ ! -e {proven} ] || mv {proven} {proven}.aside")
    yield
    inside(HOST, f"rm -f {proven}; [ ! -e {proven}.aside ] || mv {proven}.aside {proven}")


def whole(name="b2"):
    """The sets of a store that nothing is wrong with."""
    return {found for found, row in sets(name).items() if row["complete"] and not row["failed"]}


def good(*more):
    """A run that is well, and leaves nothing."""
    answer = program(*VAULT_SET, *more)
    assert answer["ok"], answer
    assert spooled() == ""
    return answer["id"]


@pytest.mark.fault(
    "the object store dies during an upload",
    sees="which store failed; no half set counts, older ones are whole, the next run is good",
    codes=[1],
    hosts=HOST,
)
def test_a_store_that_dies_in_an_upload(slow):
    before = whole()
    running = start(*VAULT_SET, *TO_B2)
    await_pids(*UPLOAD)
    time.sleep(3)
    subprocess.run(["docker", "stop", "--time", "0", B2], check=True, capture_output=True)
    try:
        code, answer = ended(running)
    finally:
        subprocess.run(["docker", "start", B2], check=True, capture_output=True)
        await_store()
    assert (code, answer["stores"]["b2"]["ok"]) == (1, False), answer
    assert answer["stores"]["b2"]["why"].startswith("stores/b2: ")
    assert spooled() == ""
    edit_config(lambda given: given.update(bandwidth="0"))
    later = good(*TO_B2)
    assert whole() == before | {later}
    assert program("check", "--set", later, *TO_B2)["stores"][0]["ok"]


@pytest.mark.fault(
    "a backup or its rclone is killed during an upload",
    sees="that the backup failed; nothing stays in the spool, no lock is held, the next run is good",
    codes=[1],
    hosts=HOST,
)
@pytest.mark.parametrize("victim", ["rclone", "program"])
def test_a_client_that_is_killed_in_an_upload(slow, victim):
    before = whole()
    running = start(*VAULT_SET, *TO_B2)
    uploads = await_pids(*UPLOAD)
    time.sleep(3)
    doomed = uploads if victim == "rclone" else pids("estate_backup", "run", "--kind")
    assert doomed
    inside(HOST, f"kill -KILL {' '.join(doomed)}")
    code, answer = ended(running)
    if victim == "rclone":
        assert code == 1
        assert "rclone exited -9" in answer["stores"]["b2"]["why"]
    else:
        assert code == 137
        inside(HOST, f"kill -KILL {' '.join(uploads)} 2>/dev/null || :")
    edit_config(lambda given: given.update(bandwidth="0"))
    later = good(*TO_B2)
    assert whole() == before | {later}


@pytest.mark.fault(
    "the object store refuses the backups' key",
    sees="which store and which file has the key; the other stores have their set",
    codes=[1],
    hosts=HOST,
)
def test_a_key_that_is_refused():
    inside(HOST, f"cp -p {CONF} /run/rclone.conf.kept")
    inside(HOST, f"sed -i 's/^secret_access_key = .*/secret_access_key = another-key-than-the-store-has/' {CONF}")
    try:
        answer = backup(*VAULT_SET, *TO_B2, *TO_LOCAL, code=1)
    finally:
        inside(HOST, f"mv /run/rclone.conf.kept {CONF}")
    assert "rclone.conf" in answer["stores"]["b2"]["why"]
    assert answer["stores"]["local"]["ok"]


@contextlib.contextmanager
def moody(status=0, times=ALWAYS, seconds=0.0):
    """The store as it is behind a front that answers uploads with a status, or late."""
    inside(
        HOST,
        f"""cat >/run/moody_store.py <<'END'
{MOODY}END
systemd-run --quiet --collect --unit=estate-moody \
    python3 /run/moody_store.py 9010 {B2_ADDRESS}:9000 {status} {times} {seconds}
sed -i 's#^endpoint = .*#endpoint = http://127.0.0.1:9010#' {CONF}""",
    )
    try:
        await_store()
        yield
    finally:
        there = f"s#^endpoint = .*#endpoint = http://{B2_ADDRESS}:9000#"
        inside(HOST, f"systemctl stop estate-moody; rm /run/moody_store.py; sed -i '{there}' {CONF}")


@pytest.mark.fault(
    "the object store answers uploads with 401, 403, 429 or 500",
    sees="which store, what it answered and what to do; the other stores have their set",
    codes=[1],
    hosts=HOST,
)
def test_a_store_that_refuses_uploads():
    before = whole()
    for status, remedy in ((401, "rclone.conf"), (403, "rclone.conf"), (429, "limits us"), (500, "tries again")):
        with moody(status):
            answer = program(*VAULT_SET, *TO_B2, *TO_LOCAL, code=1)
        assert remedy in answer["stores"]["b2"]["why"], status
        assert answer["stores"]["local"]["ok"], status
        assert spooled() == "", status
    later = good(*TO_B2)
    assert whole() == before | {later}


@pytest.mark.fault(
    "the object store answers 429 or 500 for a while, or slowly",
    sees="nothing: the upload is tried again, and the set is whole",
    codes=[0],
    hosts=HOST,
)
def test_a_store_in_a_passing_mood():
    for mood in ({"status": 429, "times": 3}, {"status": 500, "times": 3}, {"seconds": 0.5}):
        with moody(**mood):
            name = program(*VAULT_SET, *TO_B2, settings=())["id"]
        assert program("check", "--set", name, "--read-data", *TO_B2)["stores"][0]["ok"], mood


@pytest.mark.fault(
    "the object store is full",
    sees="which store; the other stores have their set, and the older sets there are whole",
    codes=[1],
    hosts=HOST,
)
def test_a_full_remote():
    before = whole()
    ask = ["docker", "inspect", "--format", "{{.State.Pid}}", B2]
    pid = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()
    there = ["nsenter", "--target", pid, "--mount"]
    store("mkdir -p manual")
    subprocess.run([*there, "mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", f"{BUCKET}/manual"], check=True)
    try:
        answer = program(*VAULT_SET, *TO_B2, *TO_LOCAL, code=1)
    finally:
        subprocess.run([*there, "umount", f"{BUCKET}/manual"], check=True)
    assert answer["stores"]["b2"]["why"].startswith("stores/b2: ")
    assert answer["stores"]["local"]["ok"]
    time.sleep(2)  # the store's own cache of its directories
    later = good(*TO_B2)
    assert whole() == before | {later}


@pytest.mark.fault(
    "the local disk is full during a backup",
    sees="which service has no room; the spool is empty afterwards",
    codes=[1],
    hosts=HOST,
)
def test_a_full_local_disk():
    inside(HOST, f"head -c 8000000 /dev/urandom >{VAULT}/attachments/big; mkdir -p {BACKUPS}/work")
    edit_config(lambda given: given.update(spool_reserve=0))
    before = whole("local")
    inside(HOST, f"mount -t tmpfs -o size=4m,mode=700 tmpfs {BACKUPS}/work")
    try:
        answer = backup(*VAULT_SET, *TO_LOCAL, code=1)
        said = f"{answer['why']} {answer['failed']}".lower()
        assert "no space left" in said or "are needed; make room" in said
        assert spooled() == ""
    finally:
        inside(HOST, f"umount {BACKUPS}/work; rm -f {VAULT}/attachments/big")
    assert whole("local") >= before
    good(*TO_LOCAL)


@pytest.mark.fault(
    "a byte of a set is altered in the store",
    sees="which file of which set, from the weekly check or by `estate backup check --read-data`",
    codes=[1],
    hosts=HOST,
)
def test_an_altered_byte():
    name = good(*TO_B2)
    path = f"*/manual/{name}/vaultwarden/db.sqlite3.age"
    found = store(f"find {BUCKET} -path {quote(path)}").strip()
    assert found
    store(f"cp -p {found} /tmp/kept; printf XXXX | dd of={found} bs=1 seek=400 conv=notrunc 2>/dev/null")
    try:
        answer = backup("check", "--set", name, "--store", "b2", "--read-data", code=1)
        (fault,) = answer["stores"][0]["faults"]
        assert f"b2/manual/{name}/vaultwarden/db.sqlite3.age" in fault
        refused = backup("restore", name, "--store", "b2", "--to", "live", "--confirm", HOST, code=1)
        assert "altered" in refused["said"]
    finally:
        store(f"cp -p /tmp/kept {found}")
    assert backup("check", "--set", name, "--store", "b2", "--read-data")["stores"][0]["ok"]


@pytest.mark.fault(
    "an object of a set is deleted in the store",
    sees="which object, by any check; the next run sends it again",
    codes=[1],
    hosts=HOST,
)
def test_a_deleted_object():
    both = ("run", "--kind", "manual", "--service", "s3", *TO_B2, *TO_LOCAL)
    name = program(*both)["id"]
    sha = program("show", name, *TO_B2)["manifest"]["objects"][0]
    found = store(f"find {BUCKET} -name {sha}.age").strip()
    store(f"rm {found}")
    answer = backup("check", "--set", name, "--store", "b2", code=1)
    assert answer["stores"][0]["faults"] == [f"b2/objects/{sha[:2]}/{sha}.age: is missing"]
    assert program(*both)["ok"]
    # taken from the other store, it has its name again, and the older set is whole
    assert backup("check", "--set", name, "--store", "b2", "--read-data")["stores"][0]["ok"]


@pytest.mark.fault(
    "the source of a backup is empty",
    sees="what shrank; nothing is pruned until somebody accepts it",
    codes=[1],
    hosts=HOST,
)
def test_an_empty_source(unproven):
    attachments = f"{VAULT}/attachments"
    inside(HOST, f"mkdir -p {attachments}/many; for n in $(seq 40); do echo $n >{attachments}/many/$n; done")
    full = good(*TO_LOCAL)
    inside(HOST, f"mv {attachments} /root/attachments; mkdir {attachments}")
    try:
        answer = backup(*VAULT_SET, *TO_LOCAL, code=1)
        assert any("vaultwarden/files.tar.zst: shrunk" in fault for fault in answer["suspect"])
        prove(full, answer["id"])
        kept = sets("local").keys()
        pruned = program("prune", *TO_LOCAL)["stores"]["local"]
        assert pruned["sets"] == []
        assert "is suspect" in pruned["why"]
        assert full in kept
        assert sets("local").keys() == kept
        assert backup("accept", answer["id"])["accepted"] == answer["id"]
        assert program(*VAULT_SET, *TO_LOCAL)["ok"]
    finally:
        inside(HOST, f"rmdir {attachments}; mv /root/attachments {attachments}; rm -r {attachments}/many")


@pytest.mark.fault(
    "a database dump is cut off",
    sees="which service failed and how its dump ended; the set says that it lacks it",
    codes=[1],
    hosts=HOST,
)
def test_a_dump_that_is_cut_off():
    rows = "select n, repeat(md5(n::text), 20) from generate_series(1, 60000) n"
    psql = 'psql -qX -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c'
    inside(HOST, f"""docker exec postgres sh -c '{psql} "create table if not exists estate_big as {rows}"'""")
    kill = """import glob, os, time
until = time.monotonic() + 120
while time.monotonic() < until:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().split(bytes(1))
        except OSError:
            continue
        if os.path.basename(words[0]) == b"pg_dump":
            time.sleep(0.02)
            try:
                os.kill(int(path.split("/")[2]), 9)
            except ProcessLookupError:
                continue  # of a small database, and done
            raise SystemExit(0)
    time.sleep(0.005)
raise SystemExit("pg_dump was never there")
"""
    words = ["docker", "exec", "-i", f"estate-lab-{HOST}", "python3", "-c", kill]
    killer = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        answer = backup(
            "run", "--kind", "manual", "--service", "postgres", "--service", "vaultwarden", *TO_LOCAL, code=1
        )
        assert killer.wait(150) == 0, killer.stderr.read()
        assert "postgres" in answer["failed"], answer
        made = program("show", answer["id"], *TO_LOCAL)["manifest"]
        assert (list(made["failed"]), list(made["services"])) == (["postgres"], ["vaultwarden"])
    finally:
        inside(HOST, f"""docker exec postgres sh -c '{psql} "drop table estate_big"'""")
    assert program("run", "--kind", "manual", "--service", "postgres", *TO_LOCAL)["id"]


@pytest.mark.fault(
    "a set is to be opened with another key",
    sees="that it cannot be opened; nothing was written",
    codes=[1],
    hosts=HOST,
)
def test_another_encryption_key():
    name = good(*TO_LOCAL)
    before = look()
    path = "/opt/prodg/secrets/backup/identity"
    inside(HOST, f"rm -f {path}; age-keygen -o {path} 2>/dev/null; chmod 400 {path}")
    refused = backup("restore", name, "--to", "live", "--confirm", HOST, code=1)
    assert "cannot be opened" in refused["said"]
    assert look() == before
    assert inside(HOST, f"ls -d {VAULT}.* 2>/dev/null || :") == ""


# With the run's own clock: a process that is started under faketime would need its TLS and its locks to believe it too
AHEAD = """import time
from pathlib import Path
from estate_backup import config, lock, run
read = config.load(Path("/opt/prodg/backups/config.json"))
with lock.held(read.lock):
    made = run.run(read, "manual", ["vaultwarden"], ["local"], clock=lambda: time.time() + 400 * 86400)
assert made.ok, made.faults()
print(made.id)
"""


@pytest.mark.fault(
    "a backup was made while the clock was ahead",
    sees="a warning that names both sets; the newest is the last one made, whatever its name",
    codes=[0],
    hosts=HOST,
)
def test_a_clock_that_jumps():
    there = (
        f"cd / && PYTHONPATH={BACKUPS}/scripts PYTHONDONTWRITEBYTECODE=1 python3 - 2>/dev/null <<'END'\n{AHEAD}END\n"
    )
    ahead = inside(HOST, there).strip()
    try:
        answer = backup(*VAULT_SET, *TO_LOCAL)
        assert answer["ok"]
        assert any(ahead in warning for warning in answer["warnings"])
        found = sets("local")
        assert answer["id"] < ahead
        assert found[answer["id"]]["sequence"] > found[ahead]["sequence"]
        assert program("show", "newest", *TO_LOCAL)["manifest"]["id"] == answer["id"]
    finally:
        inside(HOST, f"rm -r {BACKUPS}/sets/manual/{ahead}")


@pytest.mark.fault(
    "two backups at once",
    sees="since when the other one runs",
    codes=[7],
    hosts=HOST,
)
def test_two_backups_at_once(slow):
    running = start(*VAULT_SET, *TO_B2)
    await_pids(*UPLOAD)
    refused = backup(*VAULT_SET, *TO_LOCAL, code=7)
    assert "another backup runs since" in refused["said"]
    code, answer = ended(running)
    assert (code, answer["ok"]) == (0, True), answer


@pytest.mark.fault(
    "the newest set is bad when old ones are due",
    sees="why nothing was pruned; every older set is still there",
    codes=[1],
    hosts=HOST,
)
def test_retention_behind_a_bad_set(unproven):
    last = [good(*TO_LOCAL) for _ in range(4)][-1]
    prove(last)
    due = program("prune", "--dry-run", *TO_LOCAL)["stores"]["local"]["sets"]
    assert due, "a control: some are due"
    inside(HOST, f"mv {VAULT}/rsa_key.pem /root/rsa_key.pem")
    try:
        answer = backup("run", "--kind", "manual", "--service", "vaultwarden", "--service", "s3", *TO_LOCAL, code=1)
    finally:
        inside(HOST, f"mv /root/rsa_key.pem {VAULT}/rsa_key.pem")
    assert list(answer["failed"]) == ["vaultwarden"]
    prove(answer["id"])
    kept = sets("local").keys()
    pruned = program("prune", *TO_LOCAL)["stores"]["local"]
    assert pruned["sets"] == []
    assert "lacks a service" in pruned["why"]
    assert sets("local").keys() == kept >= {name.rpartition("/")[2] for name in due}
    good(*TO_LOCAL)


@pytest.mark.fault(
    "the share for backups is not mounted",
    sees="which mount is missing; nothing is written below it, and the other stores have their set",
    codes=[1],
    hosts=HOST,
)
def test_a_share_that_is_gone():
    # no NFS in this kernel: the share is a bind mount, whose file system the configuration names instead
    inside(HOST, "mkdir -p /mnt/omv /var/tmp/omv && mount --bind /var/tmp/omv /mnt/omv && mkdir /mnt/omv/backups")
    kind = inside(HOST, "findmnt -no FSTYPE /mnt/omv").strip()
    nfs = {"name": "nfs", "kind": "directory", "path": "/mnt/omv/backups", "mount": "/mnt/omv"}
    nfs |= {"filesystems": [kind], "kinds": ["manual"]}
    edit_config(lambda given: given["stores"].append(nfs))
    to_both = (*TO_LOCAL, "--store", "nfs")
    try:
        name = good(*to_both)
        assert name in sets("nfs")
    finally:
        inside(HOST, "umount /mnt/omv")
    # the controller knows of no such store
    answer = program(*VAULT_SET, *to_both, code=1)
    assert "/mnt/omv" in answer["stores"]["nfs"]["why"]
    assert "is not mounted" in answer["stores"]["nfs"]["why"]
    assert answer["stores"]["local"]["ok"]
    assert inside(HOST, "ls -A /mnt/omv") == ""
    inside(HOST, "mount -t tmpfs tmpfs /mnt/omv")
    try:
        answer = program(*VAULT_SET, *to_both, code=1)
        assert "tmpfs" in answer["stores"]["nfs"]["why"]
        assert inside(HOST, "ls -A /mnt/omv") == "", "another file system is not the share"
    finally:
        inside(HOST, "umount /mnt/omv; rm -r /mnt/omv /var/tmp/omv")
