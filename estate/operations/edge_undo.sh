# On a node: generation and release of before, together. What the undo of a switch runs, and `estate edge rollback`.
# Reads $saved: a file with the generation's path, the release's link, and the schema of the database.
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
state=/var/lib/estate/edge
path=$(sed -n 1p "$saved") release=$(sed -n 2p "$saved") schema=$(sed -n 3p "$saved")
now=$(readlink /opt/clavitor/current || :)
if [ -n "$release" ] && [ "$release" != "$now" ]; then
    if [ "${schema:-0}" -lt "$(cat "$state/schema" 2>/dev/null || echo 0)" ] && [ -f "$DATABASE" ]; then
        # The release of before cannot read what this one has written: its own data come back, the newer are set aside
        systemctl stop clavitor.service
        kept=${DATABASE%/*}
        aside=$kept/backups/returned-$(date -u +%Y%m%dT%H%M%SZ)
        owner=$(stat -c %u:%g "$DATABASE")
        mkdir -p "$aside"
        mv -f "$DATABASE" "$DATABASE-wal" "$DATABASE-shm" "$aside/" 2>/dev/null
        cp "$kept/backups/before-${now#releases/}.db" "$DATABASE.new" && chown "$owner" "$DATABASE.new" &&
            chmod 600 "$DATABASE.new" && mv -f "$DATABASE.new" "$DATABASE"
    fi
    ln -sfn "$release" /opt/clavitor/.current.new && mv -fT /opt/clavitor/.current.new /opt/clavitor/current
    printf '%s\n' "$schema" >"$state/schema"
fi
# A node that had none before waits for one
[ -n "$release" ] || { systemctl stop clavitor.service; rm -f /opt/clavitor/current; }
running=$(systemctl show -p MainPID --value clavitor.service 2>/dev/null)
code=0
if [ -n "$path" ] && [ -x "$path/bin/switch-to-configuration" ]; then
    nix-env -p /nix/var/nix/profiles/system --set "$path" || code=1
    systemd-run --quiet --collect --wait --pipe --unit="estate-return-$$" "$path/bin/switch-to-configuration" switch || code=1
fi
if [ -n "$release" ] && [ "$release" != "$now" ] && [ "$(systemctl show -p MainPID --value clavitor.service)" = "$running" ]; then
    systemctl restart clavitor.service
fi
exit "$code"
