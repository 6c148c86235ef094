# On a node, over a new connection: does it run what was switched to, and is it well? Says what is not.
# Reads DIGEST, RELEASE_ID, NAME (its public name), STEADY (seconds).
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ "$(cat /run/current-system/etc/estate/configuration 2>/dev/null)" = "$DIGEST" ] || echo "another generation runs"
[ "$(readlink /opt/clavitor/current)" = "releases/$RELEASE_ID" ] || echo "another release is current"
for unit in clavitor.service sshd.service; do
    state=$(systemctl is-active "$unit")
    [ "$state" = active ] || echo "$unit is $state"
done
# What crashes after a while is well at every first look
restarts=$(systemctl show -p NRestarts --value clavitor.service)
[ "${restarts:-0}" = 0 ] || echo "clavitor.service has restarted $restarts times by itself"
entered=$(systemctl show -p ActiveEnterTimestampMonotonic --value clavitor.service)
up=$(($(cut -d. -f1 /proc/uptime) - ${entered:-0} / 1000000))
[ "$up" -ge "$STEADY" ] || echo "clavitor.service runs for $up s only"
failed=$(systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | tr '\n' ' ')
[ -z "$failed" ] || echo "failed units: $failed"
code=$(curl -sk -o /dev/null -w '%{http_code}' --max-time 10 --resolve "$NAME:443:127.0.0.1" "https://$NAME/health")
[ "$code" = 200 ] || echo "https://$NAME/health answers $code"
exit 0
