"""Contract of the stand-ins of Pangolin, Gerbil and Newt: set up without a click, and data that really flows."""

import asyncio
import contextlib
import json
import socket

import pytest
from pangolin_server import CONFIG, ENVIRONMENT, free_port, serving, settings
from starlette.testclient import TestClient

from lab.standins.gerbil.__main__ import ask
from lab.standins.gerbil.__main__ import parse as gerbil_arguments
from lab.standins.gerbil.key import certificate_of
from lab.standins.gerbil.server import Gerbil
from lab.standins.newt.client import Newt, PangolinError
from lab.standins.newt.client import Settings as NewtSettings
from lab.standins.pangolin import plan
from lab.standins.pangolin.app import External, internal
from lab.standins.pangolin.blueprint import BlueprintError, parse
from lab.standins.pangolin.settings import ConfigError, read
from lab.standins.pangolin.store import Store

CSRF = {"X-CSRF-Token": "x-csrf-protection"}
ADMIN = {"email": "a@example.org", "password": "Secret123!"}
SITE = {"name": "home", "niceId": "home", "type": "newt", "newtId": "unewt", "secret": "newt-secret"}


def client(store, given=None):
    return TestClient(External(store, given or settings()).app(), base_url="https://testserver", headers=CSRF)


def set_up(store, given=None):
    api = client(store, given)
    api.put("/api/v1/auth/set-server-admin", json={**ADMIN, "setupToken": "t" * 32}).raise_for_status()
    api.post("/api/v1/auth/login", json=ADMIN).raise_for_status()
    org = {"orgId": "homelab", "name": "homelab", "subnet": "100.90.128.0/24", "utilitySubnet": "100.96.128.0/24"}
    api.put("/api/v1/org", json=org).raise_for_status()
    api.put("/api/v1/org/homelab/site", json=SITE).raise_for_status()
    return api


@pytest.mark.parametrize(
    ("text", "environment", "fault"),
    [
        ("app: {}\nnothing: 1", {}, "unknown keys: nothing"),
        (CONFIG % 1, {"SERVER_SECRET": "short"}, "at least 8"),
        (CONFIG % 1, {"PANGOLIN_SETUP_TOKEN": "x"}, "32 characters"),
        ("app: {dashboard_url: 'https://a'}\ngerbil: {base_endpoint: a}", {}, "domains"),
    ],
)
def test_a_wrong_configuration_is_refused(text, environment, fault):
    with pytest.raises(ConfigError, match=fault):
        read(text, ENVIRONMENT | environment)


def test_the_setup_token_makes_one_admin_with_a_strong_password(tmp_path):
    store = Store(tmp_path / "db")
    api = client(store)
    assert api.get("/api/v1/auth/initial-setup-complete").json()["data"] == {"complete": False}
    path = "/api/v1/auth/set-server-admin"
    assert api.put(path, json={**ADMIN, "setupToken": "wrong"}).status_code == 400
    weak = {**ADMIN, "password": "Secret1234", "setupToken": "t" * 32}
    assert api.put(path, json=weak).status_code == 400
    assert api.put(path, json={**ADMIN, "setupToken": "t" * 32}).status_code == 200
    assert api.put(path, json={**ADMIN, "setupToken": "t" * 32}).status_code == 403
    assert api.post("/api/v1/auth/login", json={**ADMIN, "password": "x"}).status_code == 401


def test_calls_need_a_session_and_the_csrf_header(tmp_path):
    store = Store(tmp_path / "db")
    assert client(store).get("/api/v1/orgs").status_code == 401
    api = set_up(store)
    assert api.get("/api/v1/org/homelab/sites").json()["data"]["sites"][0]["niceId"] == "home"
    bare = TestClient(External(store, settings()).app(), base_url="https://testserver", cookies=dict(api.cookies))
    assert bare.put("/api/v1/org", json={}).status_code == 403
    assert api.put("/api/v1/org/homelab/site", json=SITE).status_code == 409


HTTP = {"name": "N", "mode": "http", "full-domain": "n8n.example.org"}
TARGET = {"hostname": "10.0.0.1", "port": 1, "method": "http"}


@pytest.mark.parametrize(
    ("resource", "fault"),
    [
        ({**HTTP, "targets": []}, "targets are required"),
        ({**HTTP, "full-domain": "n8n.other.org", "targets": [TARGET]}, "not below"),
        ({**HTTP, "colour": "red", "targets": [TARGET]}, "unrecognized keys: colour"),
        ({**HTTP, "targets": [{"hostname": "a", "port": 1}]}, "method is required"),
        ({"name": "R", "mode": "tcp", "targets": [TARGET]}, "needs proxy-port"),
        ({"name": "R", "mode": "tcp", "proxy-port": 1, "targets": [TARGET]}, "method is not allowed"),
    ],
)
def test_a_blueprint_is_refused_as_a_whole(resource, fault):
    with pytest.raises(BlueprintError, match=fault):
        parse(json.dumps({"public-resources": {"x": resource}}), settings())


def test_raw_resources_have_to_be_allowed():
    raw = {"x": {"name": "R", "mode": "tcp", "proxy-port": 1, "targets": [{"hostname": "a", "port": 1}]}}
    none = read((CONFIG % 1).replace("allow_raw_resources: true", "allow_raw_resources: false"), ENVIRONMENT)
    with pytest.raises(BlueprintError, match="not allowed"):
        parse(json.dumps({"public-resources": raw}), none)


def test_gerbil_refuses_unknown_arguments():
    with pytest.raises(SystemExit):
        gerbil_arguments(["--reachableAt=a", "--generateAndSaveKeyTo=b", "--remoteConfig=c", "--nonsense"])


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.transport.sendto(data.upper(), sender)


async def _through(port, data):
    reader, writer = await asyncio.open_connection("127.0.0.2", port)
    writer.write(data)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def _eventually(check, seconds=15):
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.05)


@pytest.fixture
def tunnel(tmp_path, monkeypatch):
    """Pangolin set up and serving, its targets' blueprint, and a Gerbil and a Newt to be run."""
    monkeypatch.setattr(plan, "address", lambda site: "127.0.0.2")
    monkeypatch.setattr("lab.standins.pangolin.app.address", lambda site: "127.0.0.2")
    monkeypatch.setattr("lab.standins.newt.client.SECONDS", 0.2)
    given = settings(free_port(socket.SOCK_DGRAM))
    store = Store(tmp_path / "db")
    set_up(store, given)
    outside, inside = free_port(), free_port()
    blueprint, health = tmp_path / "blueprint.yaml", tmp_path / "healthy"
    newt = Newt(NewtSettings(f"http://127.0.0.1:{outside}", "unewt", "newt-secret", blueprint, health))
    key = tmp_path / "key"
    certificate_of(key)
    with serving(External(store, given).app(), outside), serving(internal(store, given), inside):
        yield newt, key, f"http://127.0.0.1:{inside}/api/v1/", given


def test_data_flows_from_the_servers_end_to_the_target(tunnel):
    newt, key, url, _ = tunnel

    async def scene():
        async def shout(reader, writer):
            writer.write((await reader.read()).upper())
            await writer.drain()
            writer.close()

        target = await asyncio.start_server(shout, "127.0.0.1", 0)
        port = target.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", 0))
        resources = {
            "site": {**HTTP, "targets": [{"hostname": "127.0.0.1", "port": port, "method": "http"}]},
            "raw": {
                **{"name": "R", "mode": "udp", "proxy-port": 21116},
                "targets": [{"hostname": "127.0.0.1", "port": udp.get_extra_info("sockname")[1]}],
            },
        }
        newt.settings.blueprint.write_text(json.dumps({"public-resources": resources}))
        gerbil = Gerbil()
        config = await asyncio.to_thread(ask, url, certificate_of(key), "")
        await gerbil.serve(key, "127.0.0.1", config["listenPort"])
        running = asyncio.ensure_future(newt.run())
        # Before the tickets are known the client is turned away, and comes again
        await _eventually(lambda: newt.targets)
        await gerbil.apply(await asyncio.to_thread(ask, url, certificate_of(key), ""))
        await _eventually(newt.settings.health.exists)
        big = b"x" * 300_000
        assert await _through(40000, big) == big.upper()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            await loop.sock_sendto(sender, b"hello", ("127.0.0.2", 40001))
            assert await asyncio.wait_for(loop.sock_recv(sender, 100), 10) == b"HELLO"
        # The target goes: the connection ends; the tunnel goes: the health file does
        target.close()
        await target.wait_closed()
        assert await _through(40000, b"x") == b""
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(scene())


def test_a_wrong_secret_and_a_refused_blueprint_give_no_tunnel(tunnel):
    newt, _, _, _ = tunnel
    newt.settings.blueprint.write_text("nonsense: 1")
    with pytest.raises(PangolinError, match="unrecognized keys"):
        newt.register()
    other = Newt(NewtSettings(newt.settings.endpoint, "unewt", "wrong", None, None))
    with pytest.raises(PangolinError, match="status 401"):
        other.register()
