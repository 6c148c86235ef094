"""Scenes with a real tunnel and a real Pangolin stand-in; tests/unit/test_tunnel_scenes.py runs them.

In a process of their own: pyinfra, which other tests import, replaces this one's threads and sockets by gevent's.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess

import pytest
from factories import settings as stack_settings
from factories import vps
from pangolin_client import HTTP, set_up
from pangolin_server import free_port, serving, settings

from estate.models.stack import Stack
from estate.render.vps import pangolin
from estate.services import CATALOG
from lab.standins.gerbil.__main__ import ask
from lab.standins.gerbil.key import certificate_of
from lab.standins.gerbil.server import Gerbil
from lab.standins.newt.client import Newt, PangolinError
from lab.standins.newt.client import Settings as NewtSettings
from lab.standins.pangolin import plan
from lab.standins.pangolin.app import External, internal
from lab.standins.pangolin.store import Store


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


STACK = Stack(
    settings=stack_settings(project="edge", root="/opt/edge", domain="example.org"),
    services=tuple(CATALOG[name] for name in ("pangolin", "gerbil", "traefik", "hbbr")),
)
PODS = '#!/bin/sh\n[ "$1" = inspect ] && echo 127.0.0.1\n'


def run_pangolin(tmp_path, port, *words):
    """The script that Pangolin is set up with, against a server at a port of ours."""
    secrets = {
        "PANGOLIN_ADMIN_PASSWORD": "Aa1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "PANGOLIN_SETUP_TOKEN": "t" * 32,
        "NEWT_ID": "unewt",
        "NEWT_SECRET": "poison-newt-secret",
    }
    files = {file.path: file for file in pangolin(STACK, vps().pangolin, secrets).tree.files}
    values = files["/opt/edge/secrets/pangolin.json"]
    assert (values.mode, values.mask) == (0o400, "whole")
    (tmp_path / "pangolin.json").write_bytes(values.content)
    script = files["/usr/local/sbin/estate-pangolin"].content.decode()
    assert "poison" not in script
    script = script.replace(values.path, str(tmp_path / "pangolin.json")).replace(":3000/", f":{port}/")
    (tmp_path / "script").write_text(script)
    (tmp_path / "docker").write_text(PODS)
    (tmp_path / "docker").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    argv = ["sh", "-x", str(tmp_path / "script"), *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def test_pangolin_is_set_up_once_and_no_value_is_ever_an_argument(tmp_path):
    port = free_port()
    store = Store(tmp_path / "db")
    with serving(External(store, settings()).app(), port):
        assert run_pangolin(tmp_path, port, "--check").returncode == 1
        assert not store.complete, "looking changes nothing"
        made = run_pangolin(tmp_path, port)
        assert made.returncode == 0, made.stderr
        assert [site["niceId"] for site in store.sites("homelab")] == ["homelab"]
        assert store.newt("unewt", "poison-newt-secret")
        again = run_pangolin(tmp_path, port, "--check")
        assert again.returncode == 0, again.stderr
        assert run_pangolin(tmp_path, port).returncode == 0
        assert len(store.sites("homelab")) == 1
    # `sh -x` shows every argument of every command
    for trace in (made, again):
        assert "poison" not in trace.stdout + trace.stderr
        assert "Aa1aaa" not in trace.stdout + trace.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tmp.")] == []


def test_a_refusal_of_pangolin_is_said_without_values(tmp_path):
    port = free_port()
    with serving(External(Store(tmp_path / "db"), settings(PANGOLIN_SETUP_TOKEN="x" * 32)).app(), port):
        refused = run_pangolin(tmp_path, port)
    assert refused.returncode == 1
    assert "Pangolin answers 400 to PUT /auth/set-server-admin: Invalid or expired setup token" in refused.stderr


def test_rendered_settings_are_json_with_every_value(tmp_path):
    run_pangolin(tmp_path, 1)
    document = json.loads((tmp_path / "pangolin.json").read_text())
    assert document["password"].endswith("!"), "Pangolin wants a special character"
