"""What every host of the estate has. Plain values; estate/models/host.py says what may stand here."""

users = [
    {"name": "mitch", "admin": True},
    {"name": "prodg", "uid": 1000, "gid": 1000, "shell": "/usr/sbin/nologin"},
]

resources = {"cpus": 1, "memory": "512m"}

sysctl = {
    "fs.protected_hardlinks": "1",
    "fs.protected_symlinks": "1",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.log_martians": "1",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.default.accept_redirects": "0",
}
