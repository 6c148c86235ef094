"""Newt: the homelab's end of the tunnel, and the list of what goes through it (facts/homelab-vps.md, 3.1)."""

from estate.models.backup import NoBackup
from estate.models.image import image
from estate.models.service import Config, ConfigFile, Health, Limits, Service
from estate.services.pangolin import NEWT_ID, NEWT_SECRET
from estate.services.traefik import AUTHORITIES

HEALTH_FILE = "/tmp/healthy"  # noqa: S108 - in the container
NEWT = Service(
    name="newt",
    purpose="Tunnel from the homelab to the VPS",
    image=image("docker.io/fosrl/newt:1.15.0"),
    user="1000:1000",
    environment={
        "PANGOLIN_ENDPOINT": "https://pangolin.@domain@",
        "NEWT_ID": "${NEWT_ID}",
        "NEWT_SECRET": "${NEWT_SECRET}",
        # Applied again and again: what is changed at Pangolin by hand goes back
        "BLUEPRINT_FILE": "/etc/newt/blueprint.yaml",
        "HEALTH_FILE": HEALTH_FILE,
        "DISABLE_CLIENTS": "true",
        "DISABLE_SSH": "true",
    },
    secrets=(NEWT_ID, NEWT_SECRET),
    config=Config(
        target="/etc/newt",
        files=(ConfigFile(path="blueprint.yaml", template="blueprint.yaml.j2"),),
    ),
    mounts=(AUTHORITIES,),
    tmpfs=("/tmp",),  # noqa: S108 - in the container
    lint={"CL-0013": "the authorities that the host trusts: public, read-only"},
    # WireGuard in user space: no capability, no device
    limits=Limits(cpus=0.25, memory="128m", pids=64),
    health=Health.command("test", "-f", HEALTH_FILE, start_period=60),
    backup=NoBackup(reason="keeps nothing; its site is Pangolin's, its credentials are secrets"),
)
