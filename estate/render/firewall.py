"""The firewall: nftables, only declared ports, Docker's published ports included."""

import re
from collections.abc import Iterable

from estate.models.desired import Desired, Directory, File, Guard, Handler, Tree, Unit
from estate.models.host import HomelabHost, Host, StackHost
from estate.models.host_parts import OpenPort
from estate.models.stack import Stack
from estate.render.node_exporter import SCRAPER, exporter_port
from estate.render.postgres import PORT as POSTGRES_PORT
from estate.render.templates import render

TABLE = "estate"


def sources(host: Host, clients: Iterable[str]) -> tuple[str, ...]:
    """The addresses of these hosts, and of the hosts that run these services; names that are no address are left out.

    nft would look a name up once, when it loads the rules: at boot, when nobody answers yet.
    """
    names, hosts = set(clients), {n.name for n in host.neighbours}
    # A host's name counts before a service's: "postgres" is a host here and a service of the mainframe
    found = [n.address for n in host.neighbours if n.name in names or (names - hosts) & set(n.services)]
    return tuple(sorted({address for address in found if re.fullmatch(r"[0-9.]+", address)}))


def resolved(host: Host, ports: Iterable[OpenPort]) -> tuple[OpenPort, ...]:
    """The ports with their clients as sources: one for each, none when no client has an address."""
    found: list[OpenPort] = []
    for port in ports:
        if not port.clients:
            found.append(port)
            continue
        found += [port.model_copy(update={"source": f"{a}/32", "clients": ()}) for a in sources(host, port.clients)]
    return tuple(found)


def published_ports(stack: Stack | None) -> tuple[OpenPort, ...]:
    """The ports that containers publish, by declaration."""
    if stack is None:
        return ()
    return tuple(
        OpenPort(port=p.host, protocol=p.protocol, clients=p.clients, purpose=service.name)
        for service in stack.containers
        for p in service.published
    )


def own_ports(host: Host) -> tuple[OpenPort, ...]:
    """What the host's own tasks answer at, besides what it declares: its PostgreSQL, its metrics."""
    found = list(host.open_ports)
    if isinstance(host, HomelabHost) and host.postgres is not None:
        clients = tuple(sorted({name for database in host.postgres.databases for name in database.clients}))
        if clients:
            found.append(OpenPort(port=POSTGRES_PORT, clients=clients, purpose="PostgreSQL"))
    if port := exporter_port(host):
        found.append(OpenPort(port=port, clients=(SCRAPER,), purpose="node exporter"))
        if isinstance(host, StackHost) and host.stack and SCRAPER in host.services:
            # Its own host it asks from the address of its container
            found.append(OpenPort(port=port, source=host.stack.subnet, purpose="node exporter"))
    return resolved(host, found)


def gateway_ports(stack: Stack | None) -> tuple[int, ...]:
    """Ports of services on the host's network that containers scrape at the gateway."""
    if stack is None:
        return ()
    return tuple(sorted({s.metrics.port for s in stack.containers if s.host_network and s.metrics}))


def firewall(host: Host, stack: Stack | None = None) -> Desired:
    """What `tasks/firewall.py` makes true: one nftables table, loaded at boot and now."""
    rules = render(
        "firewall/nftables.conf.j2",
        host=host,
        stack=stack,
        table=TABLE,
        open_ports=own_ports(host),
        published=resolved(host, published_ports(stack)),
        gateway_ports=gateway_ports(stack),
    )
    config = File("/etc/nftables.conf", rules.encode(), mode=0o755)
    drop_in = File(
        "/etc/systemd/system/nftables.service.d/60-estate.conf",
        render("firewall/nftables.service.conf.j2", table=TABLE).encode(),
    )
    return Desired(
        task="firewall",
        packages=("nftables",),
        tree=Tree((config, drop_in, Directory("/etc/systemd/system/nftables.service.d"))),
        units=(Unit("nftables.service"),),
        handlers=(
            Handler("nftables-unit", "systemctl daemon-reload", drop_in.digest, (drop_in.path,)),
            Handler(
                "nftables",
                "nft -c -f /etc/nftables.conf && nft -f /etc/nftables.conf",
                config.digest,
                (config.path,),
                probe=f"nft list table inet {TABLE}",
                # Docker's own tables cannot be listed and loaded again (iptables-nft): ours alone is taken back
                guard=Guard(
                    save=f"nft list table inet {TABLE} 2>/dev/null",
                    undo=f"nft delete table inet {TABLE} 2>/dev/null; nft -f $saved",
                ),
            ),
        ),
    )
