# On a node: everything that `estate edge status` asks, a fact a line, its words apart by tabs. Changes nothing.
# Reads INTERFACE (of the mesh), NAME (its public name), TIMERS (names without .timer).
export LC_ALL=C TZ=UTC PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
tab=$(printf '\t')
say() ( IFS=$tab; printf '%s\n' "$*" )
digest() { cat "$1/etc/estate/configuration" 2>/dev/null; }
state=/var/lib/estate
profile=/nix/var/nix/profiles/system
say now "$(date +%s.%N)"
say system "$(. /etc/os-release && printf '%s' "$ID")"
link=$(readlink "$profile" | sed -n 's/^system-\([0-9]*\)-link$/\1/p')
say generation "$link" "$(readlink -e "$profile")" "$(readlink -e /run/current-system)"
# The link's own time: what it leads to is in the store, where everything is of 1970
say made "$(stat -c %Y "$profile-$link-link" 2>/dev/null)" "$(stat -c %Y /etc/wireguard/private.key 2>/dev/null)"
say configuration "$(digest /run/current-system)"
say release "$(readlink /opt/clavitor/current)"
say version "$(timeout 5 /opt/clavitor/current/clavitor --version 2>/dev/null | head -n 1)"
say before "$(digest "$(sed -n 1p "$state/edge/previous" 2>/dev/null)")" "$(sed -n 2p "$state/edge/previous" 2>/dev/null)"
say fetched "$(digest "$state/edge/next")"
[ ! -e "$state/revert/generation/undo.sh" ] || say switching
[ ! -e "$state/revert/generation.reverted" ] || say reverted "$(cat "$state/revert/generation.reverted")"
[ ! -e /run/current-system/etc/estate/breakglass ] || say breakglass
# -e: what is not there has no path, and is the same as nothing
if [ -e /run/booted-system ]; then
    for part in kernel initrd kernel-modules; do
        [ "$(readlink -e "/run/booted-system/$part")" = "$(readlink -e "/run/current-system/$part")" ] || say reboot "$part"
    done
fi
df -Pk / | awk 'NR == 2 { printf "disk\t%d\t%d\n", $5, $4 }'
say integrity $(head -n 1 /var/lib/clavitor/integrity 2>/dev/null)
say failed $(systemctl list-units --failed --plain --no-legend 2>/dev/null | cut -d ' ' -f 1)
units=clavitor.service
for timer in $TIMERS; do units="$units $timer.timer $timer.service"; done
systemctl show -p Id,LoadState,ActiveState,Result,LastTriggerUSec,NextElapseUSecRealtime $units |
    sed "s/^./unit$tab&/"
# Not `wg show dump`, which prints the private key and the preshared ones
wg show "$INTERFACE" latest-handshakes 2>/dev/null | sed "s/^/handshake$tab/"
say health "$(curl -sk -o /dev/null -w '%{http_code}' --max-time 5 --resolve "$NAME:443:127.0.0.1" "https://$NAME/health")"
say end
