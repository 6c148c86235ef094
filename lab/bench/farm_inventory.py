"""The farm's hosts (farm.py) as an inventory; ESTATE_FARM names the farm's folder."""

import os
from pathlib import Path

from estate.connector import connected
from estate.inventory import validate

_folder = Path(os.environ["ESTATE_FARM"])
_pins = [line.split() for line in (_folder / "known_hosts").read_text().splitlines()]

vps = [
    (
        f"node{number:03}",
        {
            "ssh_hostname": pin[0],
            "ssh_user": "root",
            "ssh_key": str(_folder / "key"),
            "ssh_known_hosts_file": str(_folder / "known_hosts"),
            "ssh_strict_host_key_checking": "yes",
            "admin_keys": [(_folder / "key.pub").read_text().strip()],
        },
    )
    for number, pin in enumerate(_pins)
]

if not os.environ.get("ESTATE_FARM_STOCK"):
    all = connected(__file__, vars())

validate(__file__)
