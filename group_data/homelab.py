"""Containers on the Proxmox nodes."""

node = "dl380p"

network = {"bridge": "vmbr0", "network": "10.20.0.0/16", "gateway": "10.20.0.1"}

nameserver = "10.20.0.1"

# Who signs in from here is at home: there TOTP is enough (docs/sso.md)
internal_networks = ["10.20.0.0/16"]

# What Docker needs in a container (nesting: systemd does, too)
features = ["nesting", "keyctl"]

# Its compose project, on a container that has services
stack = {
    "project": "homelab",
    "root": "/opt/homelab",
    "domain": "prodg.studio",
    "network": "homelab",
    "subnet": "172.29.0.0/24",
}

docker = {"source": "docker", "address_pool": "172.31.0.0/16"}

# kernel.*, fs.* and dev.* belong to the Proxmox node; a container may set only what is in its own network namespace.
sysctl = {
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.log_martians": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.conf.default.accept_source_route": "0",
    "net.ipv4.conf.default.log_martians": "1",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.icmp_ignore_bogus_error_responses": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.all.accept_source_route": "0",
    "net.ipv6.conf.default.accept_redirects": "0",
    "net.ipv6.conf.default.accept_source_route": "0",
}

# What it watches by itself and tells Telegram; the bounds are estate/models/watch.py's
watch = {}
