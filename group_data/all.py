"""What every host of the estate has. Plain values; estate/models/host.py says what may stand here."""

users = [
    {"name": "mitch", "admin": True},
    {"name": "prodg", "uid": 1000, "gid": 1000, "shell": "/usr/sbin/nologin"},
]

resources = {"cpus": 1, "memory": "512m"}

sysctl = {
    # a terminal's line discipline loads a kernel module for whoever asks
    "dev.tty.ldisc_autoload": "0",
    # other users' files in a sticky directory such as /tmp are no way to make root write somewhere
    "fs.protected_fifos": "2",
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    # no core dump of a program that has changed its user
    "fs.suid_dumpable": "0",
    "kernel.core_uses_pid": "1",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.randomize_va_space": "2",
    # cAdvisor, node exporter and Alloy run with the capabilities that they need and do not use BPF
    "kernel.unprivileged_bpf_disabled": "1",
    "net.core.bpf_jit_harden": "2",
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
# rp_filter stays what the distribution sets: strict mode drops what comes back another way (WireGuard, two uplinks).
# ip_forward stays Docker's.

disabled_modules = [
    # network protocols with a record of holes, in no use here
    "dccp",
    "sctp",
    "rds",
    "tipc",
    # FireWire reads and writes a machine's memory
    "firewire-core",
    "firewire-ohci",
    "firewire-sbp2",
    # file systems of other times
    "cramfs",
    "freevxfs",
    "hfs",
    "hfsplus",
    "jffs2",
]
