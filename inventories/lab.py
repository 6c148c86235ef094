"""The lab: production's groups, on the containers that `estate lab up` boots (docs/lab.md)."""

from estate.connector import connected
from estate.inventory import validate
from lab.inventory import inventory_hosts

mainframe = inventory_hosts("mainframe")
proxmox = inventory_hosts("proxmox")
nas = inventory_hosts("nas")
homelab = inventory_hosts("homelab")
vps = inventory_hosts("vps")
edge = inventory_hosts("edge")

all = connected(__file__, vars())
validate(__file__)
