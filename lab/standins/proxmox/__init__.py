"""Stand-in for Proxmox VE's tools (facts/homelab-vps.md §1): the lab's nodes have real LXC containers behind it.

Standard library only, as it is run by the nodes' own Python.
"""

SOFTWARE = "Proxmox VE"
VERSION = "9.1-estate-lab-stand-in"
BANNER = f"ESTATE LAB STAND-IN for {SOFTWARE}: not the real thing"
