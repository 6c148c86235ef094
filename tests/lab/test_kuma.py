"""Our client against the real Uptime Kuma: the one from npm as a process here, or a live one that is empty.

python -m lab.images.kuma                     makes the one from npm (minutes); without it these tests are skipped
KUMA_URL=http://127.0.0.1:3001 pytest tests/lab/test_kuma.py      another release, whose data may be lost
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time

import httpx
import pytest
from pydantic import SecretStr

from estate.clients.errors import RateLimitedError, RejectedError, UnauthorisedError, UnreachableError
from estate.clients.kuma import Kuma, ensure_user, provision
from estate.edge import bridge
from estate.edge.monitors import key_of, kuma_token, ours, wanted
from estate.models.edge import Mesh, Node, Release, Telemetry
from lab.images import kuma as image
from push_bridge.bridge import Bridge
from push_bridge.config import Config, Secrets
from push_bridge.web import Server

pytestmark = pytest.mark.fleet

USER, PASSWORD, SEED = "estate", SecretStr("A-password-of-34-signs-0123456789"), SecretStr("seed" * 10)
UP, DOWN = 1, 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mesh(*names: str, sev2: int = 60) -> Mesh:
    nodes = tuple(
        Node(name=name, index=number, city=name.title(), region="r", plan="p", role="spoke" if number > 1 else "hub")
        for number, name in enumerate(names, 1)
    )
    return Mesh(
        domain="clavitor.example",
        nodes=nodes,
        release=Release(version="1", sha256="0" * 64, path="clavitor"),
        telemetry=Telemetry(sev2_after=sev2),
        acme_email="ops@clavitor.example",
    )


def started(process: subprocess.Popen, url: str) -> bool:
    for _ in range(120):
        if process.poll() is not None:
            return False
        try:
            if httpx.get(f"{url}/api/entry-page").status_code == 200:
                return True
        except httpx.TransportError:
            time.sleep(0.5)
    return False


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    given = os.environ.get("KUMA_URL")
    if given:
        yield given
        return
    if not image.path().is_file() or not shutil.which("node"):
        pytest.skip("no Uptime Kuma here: run `python -m lab.images.kuma` (needs node, npm and a C++ compiler)")
    folder = tmp_path_factory.mktemp("kuma")
    program, port = image.unpack(folder), free_port()
    settings = {"UPTIME_KUMA_DB_TYPE": "sqlite", "UPTIME_KUMA_HOST": "127.0.0.1", "UPTIME_KUMA_PORT": str(port)}
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": f"{folder}/data/", **settings}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["node", "server/server.js"], cwd=program, env=environment, stdout=log, stderr=log)
        try:
            assert started(process, f"http://127.0.0.1:{port}"), (folder / "log").read_text()[-2000:]
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def ready(url):
    """Kuma with its first user."""
    with Kuma(url) as kuma:
        ensure_user(kuma, USER, PASSWORD)
    return url


@pytest.fixture
def kuma(ready):
    with Kuma(ready) as client:
        client.login(USER, PASSWORD)
        yield client


def test_the_first_user_is_made_once_and_a_weak_password_is_refused(url):
    with Kuma(url) as kuma:
        if kuma.needs_setup():
            with pytest.raises(RejectedError) as weak:
                kuma.setup(USER, SecretStr("abc"))
            assert "longer" in weak.value.advice
        ensure_user(kuma, USER, PASSWORD)
        assert kuma.version[0] == "2"
    with Kuma(url) as kuma:
        assert ensure_user(kuma, USER, PASSWORD) is False
        with pytest.raises(RejectedError):
            kuma.setup("other", PASSWORD)


def test_a_token_of_a_login_logs_in_again(ready):
    with Kuma(ready) as kuma:
        token = kuma.login(USER, PASSWORD)
    with Kuma(ready) as kuma:
        kuma.resume(token)
        assert isinstance(kuma.monitors(), dict)
    assert token.get_secret_value() not in repr(token)


def test_without_a_login_nothing_is_listed_and_a_wrong_password_is_told(ready):
    with Kuma(ready) as kuma:
        with pytest.raises(UnauthorisedError):
            kuma.monitors()
        with pytest.raises((UnauthorisedError, RateLimitedError)) as wrong:
            kuma.login(USER, SecretStr("not-the-password-1"))
        assert "not-the-password" not in str(wrong.value)


def test_a_kuma_that_is_away_is_unreachable():
    with pytest.raises(UnreachableError), Kuma(f"http://127.0.0.1:{free_port()}", timeout=3):
        pass


def test_two_nodes_are_provisioned_and_the_second_run_changes_nothing(kuma):
    fleet = wanted(mesh("zurich", "tokyo"), SEED)
    made = provision(kuma, fleet)
    assert len(made.add) == 8
    present = kuma.monitors()
    ids = ours(present)
    assert set(ids) == {n + p for n in ("zurich", "tokyo") for p in ("", "/sev2", "/sev1", "/https")}
    assert present[ids["tokyo/sev2"]]["parent"] == ids["tokyo"]
    assert present[ids["tokyo/sev2"]]["pushToken"] == kuma_token(SEED, "sev2", "tokyo").get_secret_value()
    assert present[ids["tokyo/https"]]["expiryNotification"] is True
    assert not provision(kuma, fleet)


def test_a_changed_monitor_is_brought_back_and_a_foreign_one_is_left_alone(kuma):
    fleet = wanted(mesh("zurich", "tokyo"), SEED)
    provision(kuma, fleet)
    foreign = next(m for m in fleet if m.key == "tokyo/https")
    settings = {**foreign.settings, "description": "made by hand", "name": "by hand", "parent": None}
    extra = {"conditions": []} if "-dev" not in kuma.version else {}
    number = kuma._do("add", {**settings, "notificationIDList": {}, **extra})["monitorID"]
    present = kuma.monitors()
    changed = ours(present)["tokyo/sev2"]
    kuma._do("editMonitor", {**present[changed], "interval": 900, "name": "renamed"})
    done = provision(kuma, fleet)
    assert [(edit.id, set(edit.fields)) for edit in done.edit] == [(changed, {"interval", "name"})]
    assert not done.add
    assert not done.delete
    longer = provision(kuma, wanted(mesh("zurich", "tokyo", sev2=90), SEED))
    assert {edit.monitor.key for edit in longer.edit} == {"zurich/sev2", "tokyo/sev2"}
    gone = provision(kuma, wanted(mesh("zurich"), SEED))
    assert len(gone.delete) == 4
    left = kuma.monitors()
    assert left[number]["name"] == "by hand"
    assert {key_of(found) for found in left.values()} == {"", "zurich", "zurich/sev2", "zurich/sev1", "zurich/https"}
    kuma.delete(number)


def test_a_notification_is_made_once_and_told_by_all_but_the_groups(kuma):
    settings = {"webhookURL": SecretStr("http://127.0.0.1:9/hook"), "webhookContentType": "json"}
    number = kuma.notify_by("estate", "webhook", settings)
    assert kuma.notify_by("estate", "webhook", settings) == number
    assert [item["name"] for item in kuma.notifications()] == ["estate"]
    fleet = wanted(mesh("zurich"), SEED)
    provision(kuma, fleet, [number])
    present = kuma.monitors()
    told = {key: present[found]["notificationIDList"] for key, found in ours(present).items()}
    assert told == {
        "zurich": {},
        **{key: {str(number): True} for key in ("zurich/sev2", "zurich/sev1", "zurich/https")},
    }
    assert not provision(kuma, fleet, [number])
    assert provision(kuma, fleet).edit


REPORT = {
    **{"node": "tokyo", "ram_mb": 142, "ram_pct": 27.7, "disk_mb": 3200, "disk_pct": 31.2, "cpu_pct": 2.1},
    **{"db_size_mb": 12, "db_integrity": "ok", "active_sessions": 3, "req_1h": 847, "err_1h": 2},
    **{"cert_days_remaining": 62, "nix_gen": 2, "uptime_s": 864000},
}


@pytest.fixture
def push(ready, tmp_path):
    """Push a report of tokyo to a bridge that forwards to this Kuma."""
    fleet = mesh("zurich", "tokyo")
    told = bridge.config(fleet) | {"listen": "127.0.0.1", "port": 0, "kuma": ready}
    secrets = Secrets(**json.loads(bridge.secrets(fleet, SEED).get_secret_value()))
    running = Bridge(Config(**{**told, "nodes": tuple(told["nodes"])}), secrets, tmp_path)
    server = Server(running)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def run(**change):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
        body = json.dumps({**REPORT, "ts": int(time.time()), **change})
        connection.request("POST", "/push/tokyo", body, {"Authorization": f"Bearer {secrets.push['tokyo']}"})
        assert connection.getresponse().status == 200

    yield run
    server.shutdown()
    server.server_close()
    running.close()


def last_beat(kuma, number, status):
    """The last heartbeat, when it has this status; waits for it."""
    beats = []
    for _ in range(50):
        beats = kuma.beats(number)
        if beats and beats[-1]["status"] == status:
            return beats[-1]
        time.sleep(0.1)
    raise AssertionError(f"no such heartbeat; the last ones are {beats[-3:]}")


def test_a_report_to_the_bridge_is_a_heartbeat_up_or_down_in_both_monitors(kuma, push):
    provision(kuma, wanted(mesh("zurich", "tokyo"), SEED))
    ids = ours(kuma.monitors())
    push()
    beat = last_beat(kuma, ids["tokyo/sev2"], UP)
    assert beat["msg"] == "cert 62 d, disk 31.2 %, ram 27.7 %, cpu 2.1 %, errors 2/847, gen 2"
    assert beat["ping"] == 62
    push(db_integrity="row 7 missing from index")
    for severity in ("sev2", "sev1"):
        assert last_beat(kuma, ids[f"tokyo/{severity}"], DOWN)["msg"] == "db_integrity: row 7 missing from index"
    push()
    last_beat(kuma, ids["tokyo/sev1"], UP)


def test_silence_is_down_in_sev2_and_not_yet_in_sev1(kuma, push):
    provision(kuma, wanted(mesh("zurich", "tokyo", sev2=20), SEED))
    ids = ours(kuma.monitors())
    push()
    last_beat(kuma, ids["tokyo/sev2"], UP)
    begun = time.monotonic()
    while kuma.beats(ids["tokyo/sev2"])[-1]["status"] == UP and time.monotonic() - begun < 60:
        time.sleep(1)
    assert 15 < time.monotonic() - begun < 45
    assert kuma.beats(ids["tokyo/sev2"])[-1]["msg"].startswith("No heartbeat")
    assert kuma.beats(ids["tokyo/sev1"])[-1]["status"] == UP
