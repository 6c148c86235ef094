"""Jump hosts (`ProxyJump` in ssh_config): one connection to each, shared by all hosts behind it.

pyinfra connects to the jump host anew for each host: sixteen hosts behind one are sixteen logins there, and
as many round trips more; sshd drops unauthenticated connections above MaxStartups.
"""

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gevent.lock import RLock
from pyinfra.connectors.sshuserclient.client import SSHClient, get_ssh_config

from estate.transport import QuickTransport

_SSH_CONFIG = "_pyinfra_ssh_config_file"


class Jumps:
    """The connections to jump hosts of this process."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str | None, str], Any] = {}
        self._locks: defaultdict[tuple[str | None, str], RLock] = defaultdict(RLock)
        self._folder = ""

    def through(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """A host's connection arguments, with a channel through its jump host for a socket, if it has one.

        Raises what connecting raises.
        """
        file, hostname = kwargs[_SSH_CONFIG], kwargs["hostname"]
        config = get_ssh_config(file)
        options: Mapping[str, Any] = config.lookup(hostname) if config else {}
        if "proxyjump" not in options or "proxycommand" in options:
            return kwargs
        timeout = kwargs.get("timeout", options.get("connecttimeout"))
        client = self._client(file, options["proxyjump"], float(timeout) if timeout else None)
        target, port = options.get("hostname", hostname), int(options.get("port", kwargs.get("port", 22)))
        channel = client.gateway(target, port, target, port, timeout=timeout)
        return kwargs | {"sock": channel, _SSH_CONFIG: self._without_jump(hostname, options)}

    def _client(self, file: str | None, hops: str, timeout: float | None) -> Any:
        """A client that is connected to the last of the hops, through the others."""
        with self._locks[file, hops]:
            client = self._clients.get((file, hops))
            transport = client.get_transport() if client is not None else None
            if transport is not None and transport.is_active():
                return client
            before, _, last = hops.rpartition(",")
            hostname, config = SSHClient.derive_shorthand(get_ssh_config(file), last.strip())
            config = {"timeout": timeout, **config, "port": int(config["port"])}
            if before:
                outer = self._client(file, before, timeout)
                config["sock"] = outer.gateway(hostname, config["port"], hostname, config["port"], timeout=timeout)
            client = SSHClient()
            client.connect(hostname, transport_factory=QuickTransport, **{_SSH_CONFIG: file}, **config)
            self._clients[file, hops] = client
            return client

    def _without_jump(self, hostname: str, options: Mapping[str, Any]) -> str:
        """A file with all that ssh_config says of the host but for its jump: pyinfra's client reads files only."""
        self._folder = self._folder or tempfile.mkdtemp(prefix="estate-ssh-")
        lines = [f"Host {hostname}"]
        for key, value in options.items():
            if key != "proxyjump":
                lines += [f'{key} "{item}"' for item in value] if isinstance(value, list) else [f"{key} {value}"]
        path = Path(self._folder) / hostname
        path.write_text("\n".join(lines) + "\n")
        return str(path)
