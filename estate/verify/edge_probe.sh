# Read-only: prints what the verification wants to know of an edge node, in sections that begin with "@@NAME".
# Reads PATHS, INTERFACE and NAME (its public name). No secret is printed.
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
section() { printf '@@%s\n' "$1"; }
section configuration; cat /run/current-system/etc/estate/configuration
section generation; readlink -f /run/current-system; readlink -f /nix/var/nix/profiles/system
section release; readlink /opt/clavitor/current; sha256sum </opt/clavitor/current/clavitor | cut -d' ' -f1
section paths; [ -z "$PATHS" ] || stat -L --printf '%n\t%a\t%u\t%g\t%U\t%G\n' $PATHS 2>/dev/null
section sshd; sshd -T 2>/dev/null
section listening; ss -Hlntu | awk '{print $1 "\t" $5}'
section ruleset; nft list ruleset
section forwarding; cat /proc/sys/net/ipv4/ip_forward
section wireguard; wg show "$INTERFACE" dump | cut -f1,4,5 | sed 1d
section own-key; wg show "$INTERFACE" public-key
section key-file; stat -c '%a %U' /etc/wireguard/private.key
section failed; systemctl list-units --failed --plain --no-legend | cut -d' ' -f1
section clavitor; systemctl show -p ActiveState,User,NoNewPrivileges,ProtectSystem,AmbientCapabilities,CapabilityBoundingSet,MemoryMax clavitor.service
section timers; systemctl list-timers --all --no-legend --plain | grep -o '[^ ]*\.timer'
section database; stat -c '%a %U' /var/lib/clavitor/clavitor.db; sqlite3 -readonly /var/lib/clavitor/clavitor.db 'PRAGMA quick_check' 2>&1
section uids; ps -C clavitor -o user= 2>/dev/null | sort -u
section health; curl -sk --max-time 10 --resolve "$NAME:443:127.0.0.1" "https://$NAME/health"; echo
section generations; nix-env -p /nix/var/nix/profiles/system --list-generations | wc -l
