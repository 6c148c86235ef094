"""The rendered sshd policy against the library that the deploy connects with: a lock-out is found before it happens."""

from collections.abc import Iterator, Mapping, Sequence

import paramiko

from estate.models.desired import File
from estate.models.faults import Fault
from estate.models.host import Host
from estate.render.base import base

SSHD = "/etc/ssh/sshd_config.d/10-estate.conf"
_ATTRIBUTES = {
    "kexalgorithms": "_preferred_kex",
    "ciphers": "_preferred_ciphers",
    "macs": "_preferred_macs",
    "hostkeyalgorithms": "_preferred_keys",
    "pubkeyacceptedalgorithms": "_preferred_pubkeys",
}
"""sshd's keywords, and where paramiko keeps what it offers for them (its public view needs a connection)."""


def negotiable() -> dict[str, tuple[str, ...]]:
    """What this machine's paramiko can negotiate, by sshd's keyword in lower case."""
    return {keyword: tuple(getattr(paramiko.Transport, name)) for keyword, name in _ATTRIBUTES.items()}


def check(hosts: Mapping[str, Host]) -> list[Fault]:
    """Faults of hosts whose sshd, as rendered, would not let the deploy in again."""
    can = negotiable()
    faults: list[Fault] = []
    for host in hosts.values():
        # a NixOS host's sshd is not ours
        if host.system != "nixos":
            faults += refused(_rendered(host), can, f"{host.name}{SSHD}", _key_types(host))
    return faults


def refused(
    config: str, can: Mapping[str, Sequence[str]], where: str, keys: Sequence[str] = ("ssh-ed25519",)
) -> Iterator[Fault]:
    """Faults of an sshd_config that a client which can negotiate `can` cannot get past.

    A keyword that the config does not set is sshd's own, wider, choice and passes.

    + keys: the public key algorithms that those who log in have
    """
    settings = algorithms_of(config)
    for keyword, supported in can.items():
        usable = list(supported)
        if keyword == "pubkeyacceptedalgorithms":
            # a key on a token comes by way of the agent, under a name that paramiko itself does not list
            usable = [key for key in keys if key in supported or key.startswith("sk-")]
        names = settings.get(keyword)
        if names is not None and not set(names) & set(usable):
            yield Fault(
                f"{where}/{keyword}",
                f"paramiko {paramiko.__version__}, which the deploy connects with, can use none of {', '.join(names)}",
                f"add one of {', '.join(usable)} in estate/render/ssh_policy.py" if usable else "use ed25519 keys",
            )


def algorithms_of(config: str) -> dict[str, list[str]]:
    """The algorithm lists that an sshd_config sets, by keyword in lower case; the first of a keyword counts."""
    found: dict[str, list[str]] = {}
    for line in config.splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword.lower() in _ATTRIBUTES:
            found.setdefault(keyword.lower(), [name for name in value.strip().split(",") if name])
    return found


def _key_types(host: Host) -> list[str]:
    return sorted({key.split()[0] for key in host.admin_keys})


def _rendered(host: Host) -> str:
    return next(node.content for node in base(host).tree if isinstance(node, File) and node.path == SSHD).decode()
