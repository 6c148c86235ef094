"""What holds for production only."""

from estate.render.templates import ROOT

ssh_user = "mitch"
ssh_key = "~/.ssh/mainframe"
ssh_strict_host_key_checking = "yes"
# `estate hosts trust inventories/prod.py` writes it, each key after you have compared its fingerprint; commit it.
ssh_known_hosts_file = str(ROOT / "inventories" / "prod.known_hosts")

# Put your own public keys here. Nobody has the private half of this one; the preflight refuses a
# deploy whose connecting key is not in the list, so that it cannot lock you out.
admin_keys = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGO6YLKVSPIKIcnZru1Sz8yXV34/HMzaSJlN/v5Y+GMK replace-me@estate",
]

# Put your own age (`estate secrets keygen`) or ssh-ed25519 public keys here: each of them opens the sealed
# copy of the secrets. Nobody has the private half of this one.
age_recipients = ["age16tfuua6zqv8cxrt59gdpt3wrkwucdzap8jgvz2wqckwq7u7w4y4q2jd042"]
