# Functions for services whose new version rewrites their data so that the old one cannot read them.
# Reads STATE PROJECT SNAPSHOT_STOP (containers) SNAPSHOT_DATA (SERVICE:DIRECTORY words).
# `pending` names the snapshot that belongs to the newest release: from before the first container of another image
# started until a release is made or gone back to. `restoring` is there while the data are half restored.
snapshots=$STATE/snapshots/$PROJECT

snapshot_room() {
    need=0
    for item in $SNAPSHOT_DATA; do
        kib=$(du -sk "${item#*:}" | cut -f1)
        need=$((need + ${kib:-0}))
    done
    free=$(df -Pk "$snapshots" | awk 'NR==2 {print $4}')
    [ "$free" -ge $((need + need / 10 + 16384)) ] && return 0
    echo "not enough room for a snapshot: $free KiB free, $need KiB to copy; nothing was stopped" >&2
    return 1
}

snapshot() {
    [ -n "$SNAPSHOT_DATA" ] || return 0
    mkdir -p "$snapshots" || return 1
    name=$(cat "$snapshots/pending" 2>/dev/null)
    [ -n "$name" ] || name=$(now)
    snapshot_room || return 1
    docker stop $SNAPSHOT_STOP >/dev/null || return 1
    for item in $SNAPSHOT_DATA; do
        path=${item#*:} to=$snapshots/$name/${item%%:*}
        mkdir -p "$to" || return 1
        # One that is there is of an interrupted run: since then the new version may have been at the data
        [ ! -e "$to/${path##*/}" ] || continue
        rm -rf "$to/.new"
        cp -a --reflink=auto "$path" "$to/.new" && mv -T "$to/.new" "$to/${path##*/}" || return 1
        printf '%s\t%s\n' "$to/${path##*/}" "$path" >>"$snapshots/$name/paths"
    done
    printf '%s\n' $SNAPSHOT_STOP >>"$snapshots/$name/stop"
    sync -f "$snapshots/$name"
    if [ ! -e "$snapshots/pending" ]; then
        printf '%s\n' "$name" >"$snapshots/.pending" && mv -fT "$snapshots/.pending" "$snapshots/pending" || return 1
    fi
    prune "$snapshots" 2
}

snapshot_is_fresh() { [ ! -e "$snapshots/pending" ] || [ -z "$(find "$snapshots/pending" -mmin +60)" ]; }

restore_snapshot() {
    [ -e "$snapshots/pending" ] || return 0
    snap=$snapshots/$(cat "$snapshots/pending")
    : >"$snapshots/restoring" || return 1
    for container in $(sort -u "$snap/stop"); do docker rm --force "$container" >/dev/null 2>&1; done
    while read -r copy path; do
        # The old ones first: there may be no room for both
        rm -rf "${path:?}" "$path.estate-new"
        cp -a --reflink=auto "$copy" "$path.estate-new" && mv -T "$path.estate-new" "$path" || return 1
    done <"$snap/paths"
    rm -f "$snapshots/restoring"
}

forget_snapshot() { rm -f "$snapshots/pending" "$snapshots/restoring"; }
