"""Containers on the Proxmox nodes."""

node = "dl380p"
