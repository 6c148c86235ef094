# A change that could lock the operator out: the host takes it back by itself unless a new connection confirms it.
# Reads NAME (handler), STAMP, DIGEST, AFTER (seconds); defines save, change and undo.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
kept=/var/lib/estate/revert/$NAME
unit=estate-revert-$NAME
saved=$kept/saved
arm() {
    umask 077
    mkdir -p "$kept" /var/lib/estate/applied
    rm -f "$STAMP"
    systemctl stop "$unit.timer" "$unit.service" 2>/dev/null
    systemctl reset-failed "$unit.service" 2>/dev/null
    save >"$saved"
    printf '%s\n' "$UNDO" >"$kept/undo.sh"
    systemd-run --quiet --collect --unit="$unit" --on-active="$AFTER" --timer-property=AccuracySec=1s \
        /bin/sh "$kept/undo.sh"
}
disarm() {
    systemctl stop "$unit.timer" && ! systemctl --quiet is-active "$unit.service" && [ ! -e "$kept.reverted" ] || return 1
    printf '%s\n' "$DIGEST" >"$STAMP"
    rm -rf "$kept"
}
