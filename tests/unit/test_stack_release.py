"""The scripts that keep a release, go back to it and copy data: run here over a temporary tree with a fake docker."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from estate.render.shell import shell, variables

FAKE = Path(__file__).resolve().parents[1] / "fake_docker.py"
ME = f"{os.getuid()}:{os.getgid()}"


def listed(manifest):
    """The paths of a manifest that may not be there."""
    return {Path(line.split("\t")[0]) for line in manifest.read_text().splitlines()} if manifest.exists() else set()


class Rig:
    """A project below a temporary directory: services web (rolling), db (with a credential and data), and cache."""

    def __init__(self, root):
        self.root = root
        self.compose, self.secrets, self.state, self.data = (
            root / name for name in ("compose", "secrets", "state", "data")
        )
        for path in (self.compose, self.secrets / "db", self.state / "trees", self.state / "applied", self.data / "db"):
            path.mkdir(parents=True)
        tools = root / "bin"
        tools.mkdir()
        (tools / "docker").write_text(f'#!/bin/sh\nFAKE_DOCKER={root} exec {sys.executable} {FAKE} "$@"\n')
        (tools / "docker").chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"
        (self.data / "db" / "file").write_text("precious\n")
        self.in_force = root / "in-force"
        self.in_force.write_text("old")

    def sync(self, images, *, secret="old", extra=(), config="one\n"):  # noqa: S107 - no secret
        """What the sync of the files does before the containers are brought up."""
        files = {
            self.compose / "docker-compose.yml": json.dumps({n: {"image": i} for n, i in images.items()}),
            self.compose / ".env": f"SECRET={secret}\n",
            self.compose / "web" / "config": config,
            self.secrets / "db" / "password": secret,
            **{self.compose / name: "extra\n" for name in extra},
        }
        manifest = self.state / "trees" / "docker_stack"
        for gone in listed(manifest) - files.keys():
            gone.unlink()
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_text(text)
            path.chmod(0o400 if path.parent.name == "db" else 0o640)
        manifest.write_text("".join(f"{path}\tdigest\n" for path in sorted(files)))

    def places(self):
        return {
            "STATE": str(self.state),
            "PROJECT": "p",
            "COMPOSE_DIR": str(self.compose),
            "SECRETS_DIR": str(self.secrets),
            "RELEASE": "p-release",
            "HANDLERS": "p-db-credential p-web-config",
        }

    def run(self, text):
        text = re.sub(r"PATH=/usr/local/sbin:\S*", f"PATH={self.path}", text)
        environment = os.environ | {"PATH": self.path}
        return subprocess.run(
            ["sh", "-c", text], env=environment, capture_output=True, text=True, timeout=60, start_new_session=True
        )

    def functions(self, digest, stop="", data=""):
        words = {"TIMEOUT": "5", "DIGEST": digest, "CREDENTIALS": "db", "RELOADS": "web"}
        words |= {"SNAPSHOT_STOP": stop, "SNAPSHOT_DATA": data}
        password = self.secrets / "db" / "password"
        return f"""{variables(self.places() | words)}
credential_file() {{ echo {password}; }}
prove() {{ cmp -s {password} {self.in_force}; }}
change() {{ cat {password} >{self.in_force}; }}
reload() {{ cat {self.compose}/web/config >{self.root}/loaded; }}
{shell("operations/stack_return.sh")}{shell("operations/stack_snapshot.sh")}"""

    def up(self, digest, services="", rolling="", force="", orphans="", **snapshot):
        words = {"SERVICES": services, "ROLLING": rolling, "FORCE": force, "ORPHANS": orphans}
        return self.run(f"{self.functions(digest, **snapshot)}{variables(words)}{shell('operations/stack_up.sh')}")

    def release(self, digest):
        """Make a release as the handler does, stamps included."""
        for name in ("p-db-credential", "p-web-config"):
            (self.state / "applied" / name).write_text(f"{digest}\n")
        words = {"DATA_DIRS": str(self.data / "db"), "KEEP": "5"}
        result = self.run(f"{variables(self.places() | words)}{shell('operations/stack_release.sh')}")
        assert result.returncode == 0, result.stderr
        (self.state / "applied" / "p-release").write_text(f"{digest}\n")
        return self.releases()[-1]

    def releases(self):
        return sorted(path.name for path in (self.state / "releases" / "p").glob("[0-9]*"))

    def containers(self):
        return json.loads((self.root / "containers.json").read_text())

    def images(self):
        return {name: container["image"] for name, container in self.containers().items()}

    def files(self):
        found = {}
        for path in sorted([*self.compose.rglob("*"), *self.secrets.rglob("*")]):
            content = path.read_text() if path.is_file() else ""
            found[str(path)] = (content, path.stat().st_mode, path.stat().st_uid)
        return found

    def calls(self):
        return (self.root / "calls").read_text().splitlines()


GOOD = {"web": "web:1", "db": "db:1", "cache": "cache:1"}
ALL = "web db cache"


@pytest.fixture
def rig(tmp_path):
    """A project that runs, with a release."""
    made = Rig(tmp_path)
    made.sync(GOOD)
    assert made.up("good", ALL).returncode == 0
    made.name = made.release("good")
    return made


def test_a_release_holds_the_files_with_their_modes_and_is_closed_to_others(rig):
    kept = rig.state / "releases" / "p" / rig.name
    assert kept.stat().st_mode & 0o777 == 0o700
    password = Path(f"{kept}/files{rig.secrets}/db/password")
    assert password.stat().st_mode & 0o777 == 0o400
    assert (
        Path(f"{kept}/files{rig.compose}/docker-compose.yml").read_bytes()
        == (rig.compose / "docker-compose.yml").read_bytes()
    )
    assert (kept / "data").read_text() == f"{ME} 755 {rig.data}/db\n"
    assert not list(kept.parent.glob(".*"))


def test_five_releases_are_kept_and_what_is_not_ours_is_in_none(rig):
    (rig.compose / "notes-of-the-operator").write_text("x")
    for day in range(1, 8):
        (rig.state / "releases" / "p" / f"2020010{day}T000000Z").mkdir()
    name = rig.release("again")
    assert len(rig.releases()) == 5
    assert rig.releases()[-1] == name
    assert not list((rig.state / "releases" / "p" / name).rglob("notes*"))


def test_without_a_release_a_failure_is_what_it_was(tmp_path):
    rig = Rig(tmp_path)
    rig.sync(GOOD | {"web": "web:bad"})
    result = rig.up("bad", ALL)
    assert result.returncode == 1
    assert result.stdout == "estate:not-returned no release yet\n"
    assert "not every service became healthy within 5 s" in result.stderr
    assert "service web: running unhealthy" in result.stderr
    assert "a log line of web" in result.stderr


def test_a_service_that_is_not_healthy_brings_everything_back(rig):
    files = rig.files()
    rig.sync({"web": "web:2", "db": "db:bad", "new": "new:1"}, secret="new", extra=("new/config",), config="two\n")
    (rig.state / "applied" / "p-db-credential").write_text("bad\n")
    rig.in_force.write_text("new")
    result = rig.up("bad", "web db new", orphans="cache")
    assert result.returncode == 94, result.stderr
    assert result.stdout == f"estate:returned {rig.name}\n"
    assert rig.images() == GOOD
    assert rig.files() == files
    assert rig.in_force.read_text() == "old"
    assert (rig.root / "loaded").read_text() == "one\n"
    assert (rig.state / "applied" / "p-db-credential").read_text() == "good\n"
    assert (rig.state / "applied" / "p-release").read_text() == "good\n"
    assert str(rig.compose / "new") not in (rig.state / "trees" / "docker_stack").read_text()
    assert (rig.data / "db" / "file").read_text() == "precious\n"
    assert rig.releases() == [rig.name]


def test_the_logs_of_what_failed_are_kept_closed_to_others_five_times(rig):
    for day in range(1, 8):
        (rig.state / "failed" / "p" / f"2020010{day}T000000Z").mkdir(parents=True)
    rig.sync(GOOD | {"db": "db:bad"})
    assert rig.up("bad", "db").returncode == 94
    kept = sorted((rig.state / "failed" / "p").iterdir())
    assert len(kept) == 5
    log = kept[-1] / "db.log"
    assert "a log line of db" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert kept[-1].stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("image", ["db:gone", "db:exits"])
def test_whatever_fails_goes_back(rig, image):
    rig.sync(GOOD | {"db": image})
    result = rig.up("bad", "db")
    assert result.stdout == f"estate:returned {rig.name}\n"
    assert rig.images() == GOOD


def test_a_handler_that_fails_goes_back_and_its_service_s_log_is_kept(rig):
    rig.sync(GOOD, config="two\n")
    result = rig.run(f"set -u\n{rig.functions('bad')}handler_failed p-web-config\n")
    assert (result.returncode, result.stdout) == (94, f"estate:returned {rig.name}\n"), result.stderr
    assert (rig.root / "loaded").read_text() == "one\n"
    assert len(list((rig.state / "failed" / "p").glob("*/web.log"))) == 1


def test_what_was_deployed_before_and_fails_by_itself_has_nothing_to_go_back_to(rig):
    rig.sync(GOOD | {"db": "db:bad"})
    result = rig.up("good", "db", force="db")
    assert result.returncode == 1
    assert result.stdout == f"estate:not-returned release {rig.name} is what was declared\n"


def test_a_return_that_fails_says_why(rig):
    rig.sync(GOOD | {"db": "db:bad"})
    kept = Path(f"{rig.state}/releases/p/{rig.name}/files{rig.compose}/docker-compose.yml")
    kept.write_text(json.dumps({"db": {"image": "db:also-bad"}}))
    result = rig.up("bad", "db")
    assert result.returncode == 95
    assert result.stdout == f"estate:not-returned release {rig.name}: its containers did not become healthy\n"


def test_an_interrupted_return_is_finished_by_the_next(rig):
    """Killed between two files: the stamps are gone, so that the next run does everything that is left."""
    files = rig.files()
    rig.sync(GOOD | {"db": "db:bad"}, secret="new")
    cut = rig.functions("bad").replace('cp -a "$1" "$put_new" &&', 'cp -a "$1" "$put_new"; kill -9 -$$;')
    rig.run(f"{cut}cd {rig.compose}\nlocked_restore {rig.state}/releases/p/{rig.name}\n")
    assert not list((rig.state / "applied").glob("p-db-credential"))
    left = rig.files()
    assert left != files
    # The next run writes what is declared before it brings anything up
    rig.sync(GOOD | {"db": "db:bad"}, secret="new")
    assert rig.up("bad", "db").returncode == 94
    assert rig.files() == files


def snapshot_of_db(rig):
    return {"stop": "db", "data": f"db:{rig.data}/db"}


def test_data_that_the_new_version_rewrote_come_back(rig):
    rig.sync(GOOD | {"db": "db:bad-rewrites"})
    result = rig.up("bad", "db", **snapshot_of_db(rig))
    assert result.returncode == 94, result.stderr
    assert (rig.data / "db" / "file").read_text() == "precious\n"
    (copy,) = (rig.state / "snapshots" / "p").glob("*/db/db/file")
    assert copy.read_text() == "precious\n"
    assert not (rig.state / "snapshots" / "p" / "pending").exists()
    assert (rig.state / "snapshots" / "p").stat().st_mode & 0o777 == 0o700
    calls = rig.calls()
    assert calls.index("stop db") > next(n for n, c in enumerate(calls) if " pull " in c)


def test_a_run_cut_off_after_the_new_version_started_still_has_the_data_of_before(rig):
    rig.sync(GOOD | {"db": "db:bad-rewrites"})
    cut = rig.functions("bad", **snapshot_of_db(rig))
    rig.run(f"{cut}cd {rig.compose}\nsnapshot && compose up --wait db\nkill -9 $$\n")
    assert (rig.data / "db" / "file").read_text() == "rewritten\n"
    assert rig.up("bad", "db").returncode == 94
    assert (rig.data / "db" / "file").read_text() == "precious\n"


def test_data_that_would_lose_an_hour_are_not_gone_back_to(rig):
    rig.sync(GOOD | {"db": "db:bad-rewrites"})
    rig.run(f"{rig.functions('bad', **snapshot_of_db(rig))}cd {rig.compose}\nsnapshot && compose up --wait db\n")
    os.utime(rig.state / "snapshots" / "p" / "pending", (0, 0))
    result = rig.up("bad", "db")
    assert result.returncode == 95
    assert "older than an hour" in result.stdout
    assert (rig.data / "db" / "file").read_text() == "rewritten\n"


def test_a_release_ends_what_a_snapshot_was_for(rig):
    rig.sync(GOOD | {"db": "db:2-rewrites"})
    assert rig.up("two", "db", **snapshot_of_db(rig)).returncode == 0
    assert (rig.state / "snapshots" / "p" / "pending").exists()
    rig.release("two")
    assert not (rig.state / "snapshots" / "p" / "pending").exists()
    assert (rig.data / "db" / "file").read_text() == "rewritten\n"


def test_without_room_for_a_snapshot_nothing_is_stopped(rig):
    (rig.root / "bin" / "df").write_text("#!/bin/sh\necho header\necho x 0 0 7 0% /\n")
    (rig.root / "bin" / "df").chmod(0o755)
    rig.sync(GOOD | {"db": "db:2"})
    result = rig.up("two", "db", **snapshot_of_db(rig))
    assert result.returncode == 94
    assert "not enough room for a snapshot: 7 KiB free" in result.stderr
    assert "stop db" not in rig.calls()
    assert rig.images() == GOOD


def test_a_rolling_service_has_a_second_container_until_the_new_one_serves(rig):
    rig.sync(GOOD | {"web": "web:2"})
    assert rig.up("two", rolling="web").returncode == 0
    calls = [call for call in rig.calls() if re.search(r"compose .* (run|up) |^stop|^rm", call)][1:]
    assert [re.search(r"( run | up |^stop|^rm)", call)[1].strip() for call in calls] == ["run", "up", "stop", "rm"]
    assert "--name web-next" in calls[0]
    assert rig.images() == GOOD | {"web": "web:2"}


def test_a_rolling_service_whose_second_container_fails_is_not_touched(rig):
    before = rig.containers()["web"]
    rig.sync(GOOD | {"web": "web:bad"})
    result = rig.up("bad", rolling="web")
    assert result.returncode == 94
    assert "service web: running unhealthy" in result.stderr
    assert rig.containers()["web"] == before
    assert "web-next" not in rig.containers()
    ups = [call for call in rig.calls() if " up " in call][1:]
    assert len(ups) == 1, "only the return brought containers up"
