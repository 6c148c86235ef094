"""What the lab has instead of production's values; everything else is production's."""

from lab.inventory import public_key
from lab.paths import lab_paths
from lab.secrets import recipient

ssh_user = "mitch"
ssh_key = str(lab_paths().key)
ssh_known_hosts_file = str(lab_paths().known_hosts)
ssh_strict_host_key_checking = "yes"

admin_keys = [public_key()]

age_recipients = [recipient(lab_paths())]
age_identity = str(lab_paths().age_identity)

# Short, as the tests wait for it.
revert_after = 12

firewall = True

resources = {"cpus": 2, "memory": "20g"}

# kernel.* and fs.* are the machine's own in a container; only net.* belongs to a lab host.
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
}
