"""The connector: names stay, one connection to a jump host, a channel that is open before it is needed."""

import pyinfra_cli  # noqa: F401  # isort: skip - it patches the standard library for gevent, as in every run
import socket
import threading
import time

import gevent
import paramiko
import pytest
from pyinfra.api.inventory import Inventory
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient.client import SSHClient

from estate import connector
from estate.connector import Connector, connected
from estate.jumps import Jumps
from estate.transport import CommandTransport, OneKeyTransport, QuickTransport

KEY = paramiko.ECDSAKey.generate()
GROUPS = {
    "vps": [("vps", {"ssh_hostname": "192.0.2.1"})],
    "edge": [("tokyo", {"ssh_hostname": "10.84.0.2", "index": 2}), "seoul"],
    "_private": [("nobody", {})],
    "text": "no group",
}


@pytest.fixture
def installed(monkeypatch):
    known = {"ssh": SSHConnector, "estate": Connector}
    monkeypatch.setattr("pyinfra.api.inventory.get_all_connectors", lambda: known)
    monkeypatch.setattr("pyinfra.api.inventory.get_execution_connectors", lambda: known)
    monkeypatch.setattr(connector, "entry_points", lambda **_: ["estate"])


def test_hosts_keep_their_names_groups_and_data(installed):
    everything = connected("inventories/made_up.py", GROUPS)
    groups = {name: (GROUPS[name], {"plan": name}) for name in ("vps", "edge")}
    inventory = Inventory((everything, {}), **groups, made_up=(everything, {}))
    assert list(inventory.hosts) == ["vps", "tokyo", "seoul"]
    assert {host.connector_cls for host in inventory} == {Connector}
    tokyo = inventory.get_host("tokyo")
    assert tokyo.groups == ["edge", "made_up"]
    assert (tokyo.data.ssh_hostname, tokyo.data.index, tokyo.data.plan) == ("10.84.0.2", 2, "edge")
    assert [host.name for host in inventory.get_group("edge")] == ["tokyo", "seoul"]


def test_without_the_entry_point_the_hosts_are_reached_by_pyinfras_own(monkeypatch):
    monkeypatch.setattr(connector, "entry_points", lambda **_: [])
    names = connected("inventories/made_up.py", GROUPS)
    assert names[1] == ("tokyo", {"ssh_hostname": "10.84.0.2", "index": 2})
    assert [name for name, _ in names] == ["vps", "tokyo", "seoul"]


class Door(paramiko.ServerInterface):
    """A server that lets everybody with a key in and notes what it was asked for."""

    def __init__(self, sessions=10):
        self.asked, self.sessions = [], sessions

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        self.asked.append("login")
        return paramiko.AUTH_SUCCESSFUL if username == "mitch" else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        self.asked.append("session")
        if self.asked.count("session") > self.sessions:
            return paramiko.OPEN_FAILED_RESOURCE_SHORTAGE
        return paramiko.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        self.asked.append(destination)
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        channel.send_exit_status(0)
        return True


class Server:
    """An SSH server on loopback; hosts behind it are servers in its channels."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.doors, self.inner, self.sessions, self.kept = [], [], 10, []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listening.accept()
            except OSError:
                return
            self.doors.append(Door(self.sessions))
            threading.Thread(target=self._serve, args=(sock, self.doors[-1]), daemon=True).start()

    def _serve(self, sock, door):
        transport = paramiko.Transport(sock)
        transport.add_server_key(KEY)
        transport.start_server(server=door)
        self.kept.append(transport)
        while transport.is_active():
            channel = transport.accept(0.2)
            self.kept.append(channel)
            if channel is not None and any(isinstance(asked, tuple) for asked in door.asked):
                self.inner.append(Door())
                threading.Thread(target=self._serve, args=(channel, self.inner[-1]), daemon=True).start()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.listening.close()
    for kept in made.kept:
        if kept is not None:
            kept.close()


def connect(server, factory, username="mitch"):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.WarningPolicy())  # noqa: S507 - it is our own server
    arguments = {"username": username, "pkey": KEY, "allow_agent": False, "look_for_keys": False, "timeout": 5}
    client.connect("127.0.0.1", server.port, transport_factory=factory, **arguments)
    return client


def waited(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        gevent.sleep(0.01)
    return True


@pytest.mark.parametrize("factory", [QuickTransport, CommandTransport, OneKeyTransport])
def test_small_packets_leave_at_once_and_a_dead_host_is_noticed(server, factory):
    sock = connect(server, factory).get_transport().sock
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


def test_one_key_opens_the_first_channel_with_the_login(server):
    client = connect(server, OneKeyTransport)
    assert waited(lambda: server.doors[0].asked == ["login", "session"])
    channel = client.get_transport().open_session()
    assert waited(lambda: server.doors[0].asked == ["login", "session", "session"])
    channel.exec_command("true")
    assert channel.recv_exit_status() == 0


def test_a_host_without_channels_in_reserve_is_asked_when_one_is_needed(server):
    server.sessions = 0
    transport = connect(server, CommandTransport).get_transport()
    transport.prepare()
    assert waited(lambda: server.doors[0].asked == ["login", "session"])
    with pytest.raises(paramiko.ChannelException):
        transport.open_session()


def test_a_channel_that_was_closed_meanwhile_is_not_used(server):
    transport = connect(server, CommandTransport).get_transport()
    transport.prepare()
    transport._spare.get().close()
    assert not transport.open_session().closed


@pytest.mark.parametrize("factory", [QuickTransport, OneKeyTransport])
def test_a_login_that_is_refused_is_an_authentication_error(server, factory):
    with pytest.raises(paramiko.AuthenticationException):
        connect(server, factory, username="mallory")


@pytest.fixture
def ssh_config(tmp_path, server):
    key = tmp_path / "key"
    KEY.write_private_key_file(str(key))
    file = tmp_path / "config"
    file.write_text(
        f"Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile {tmp_path}/known_hosts\n  IdentityFile {key}\n"
        f"  User mitch\nHost gate\n  HostName 127.0.0.1\n  Port {server.port}\nHost 10.20.0.*\n  ProxyJump gate\n"
    )
    return str(file)


def behind(jumps, file, address):
    kwargs = {"hostname": address, "_pyinfra_ssh_config_file": file, "timeout": 5, "transport_factory": QuickTransport}
    kwargs = jumps.through(kwargs)
    client = SSHClient()
    client.connect(kwargs.pop("hostname"), allow_agent=False, look_for_keys=False, **kwargs)
    return client


def test_hosts_behind_one_jump_host_share_one_connection_to_it(server, ssh_config):
    jumps = Jumps()
    clients = [behind(jumps, ssh_config, f"10.20.0.{number}") for number in (41, 42, 43)]
    assert len(server.doors) == 1
    assert [asked for asked in server.doors[0].asked if asked != "login"] == [
        (f"10.20.0.{n}", 22) for n in (41, 42, 43)
    ]
    assert [door.asked for door in server.inner] == [["login"]] * 3
    assert all(client.get_transport().is_active() for client in clients)


def test_a_jump_host_that_was_lost_is_connected_to_again(server, ssh_config):
    jumps = Jumps()
    behind(jumps, ssh_config, "10.20.0.41")
    next(iter(jumps._clients.values())).close()
    behind(jumps, ssh_config, "10.20.0.42")
    assert len(server.doors) == 2


def test_a_host_without_a_jump_is_left_as_it_is(ssh_config):
    kwargs = {"hostname": "192.0.2.1", "_pyinfra_ssh_config_file": ssh_config}
    assert Jumps().through(kwargs) == kwargs
