"""The firewall: nftables, only declared ports, Docker's published ports included."""

from estate.models.desired import Desired, Directory, File, Guard, Handler, Tree, Unit
from estate.models.host import Host, OpenPort
from estate.models.stack import Stack
from estate.render.templates import render

TABLE = "estate"


def published_ports(stack: Stack | None) -> tuple[OpenPort, ...]:
    """The ports that containers publish, by declaration."""
    if stack is None:
        return ()
    return tuple(
        OpenPort(port=p.host, protocol=p.protocol, purpose=service.name)
        for service in stack.containers
        for p in service.published
    )


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
        published=published_ports(stack),
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
