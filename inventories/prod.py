"""The production estate. Its data are in group_data/; what differs from the lab, in group_data/prod.py."""

from estate.connector import connected
from estate.inventory import validate

mainframe = [("mainframe", {"ssh_hostname": "mainframe.prodg.studio"})]

proxmox = [
    ("dl380p", {"ssh_hostname": "dl380p.home.arpa", "resources": {"cpus": 32, "memory": "96g"}}),
    ("i5", {"ssh_hostname": "i5.home.arpa", "resources": {"cpus": 8, "memory": "8g"}}),
]

nas = [("omv", {"ssh_hostname": "omv.home.arpa"})]

homelab = [
    ("postgres", {"ssh_hostname": "10.20.0.41", "vmid": 141, "resources": {"cpus": 2, "memory": "4g"}}),
    ("authentik", {"ssh_hostname": "10.20.0.42", "vmid": 142, "resources": {"cpus": 2, "memory": "3g"}}),
    ("n8n", {"ssh_hostname": "10.20.0.43", "vmid": 143, "resources": {"cpus": 4, "memory": "4g"}}),
    ("rustdesk", {"ssh_hostname": "10.20.0.44", "vmid": 144, "resources": {"cpus": 2, "memory": "2g"}}),
    ("monitoring", {"ssh_hostname": "10.20.0.45", "vmid": 145, "resources": {"cpus": 2, "memory": "4g"}}),
    ("obsidian", {"ssh_hostname": "10.20.0.46", "vmid": 146, "resources": {"cpus": 2, "memory": "2g"}}),
]

vps = [("vps", {"ssh_hostname": "vps.prodg.studio"})]

edge = [
    ("zurich", {"ssh_hostname": "10.84.0.1", "index": 1, "role": "hub", "city": "Zurich", "provider": "hostkey"}),
    ("tokyo", {"ssh_hostname": "10.84.0.2", "index": 2, "city": "Tokyo"}),
    ("newjersey", {"ssh_hostname": "10.84.0.3", "index": 3, "city": "New Jersey"}),
    ("siliconvalley", {"ssh_hostname": "10.84.0.4", "index": 4, "city": "Silicon Valley"}),
    ("dallas", {"ssh_hostname": "10.84.0.5", "index": 5, "city": "Dallas"}),
    ("london", {"ssh_hostname": "10.84.0.6", "index": 6, "city": "London"}),
    ("frankfurt", {"ssh_hostname": "10.84.0.7", "index": 7, "city": "Frankfurt"}),
    ("warsaw", {"ssh_hostname": "10.84.0.8", "index": 8, "city": "Warsaw"}),
    ("seoul", {"ssh_hostname": "10.84.0.9", "index": 9, "city": "Seoul"}),
    ("mumbai", {"ssh_hostname": "10.84.0.10", "index": 10, "city": "Mumbai"}),
    ("saopaulo", {"ssh_hostname": "10.84.0.11", "index": 11, "city": "São Paulo"}),
    ("sydney", {"ssh_hostname": "10.84.0.12", "index": 12, "city": "Sydney"}),
    ("johannesburg", {"ssh_hostname": "10.84.0.13", "index": 13, "city": "Johannesburg"}),
    ("telaviv", {"ssh_hostname": "10.84.0.14", "index": 14, "city": "Tel Aviv"}),
    ("amsterdam", {"ssh_hostname": "10.84.0.15", "index": 15, "city": "Amsterdam", "provider": "hostkey"}),
    ("dubai", {"ssh_hostname": "10.84.0.16", "index": 16, "city": "Dubai", "provider": "hostkey"}),
]

all = connected(__file__, vars())
validate(__file__)
