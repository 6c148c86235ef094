# Makes a tree true: reads a base64 tar of a plan and its contents from standard input.
# Each file is written beside its destination (created 0600, then owner and mode), synced and renamed,
# so that nobody ever sees half of it, and a run that is cut off leaves the old one in place.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
umask 077
state=/var/lib/estate
mkdir -p "$state/trees" "$state/applied"
exec 9>"$state/lock"
flock -w 30 9 || { echo "another deploy is writing to this host" >&2; exit 1; }
# A run that was killed may have left a file beside its destination
if [ -f "$state/incoming/plan" ]; then
    tab=$(printf '\t')
    while IFS=$tab read -r verb mode owner group path blob; do
        [ "$verb" != F ] || rm -f "${path%/*}/.${path##*/}.estate-new"
    done <"$state/incoming/plan"
fi
rm -rf "$state/incoming"
mkdir "$state/incoming"
trap 'rm -rf "$state/incoming"' EXIT
trap 'exit 130' INT TERM HUP
base64 -d | tar -xzf - -C "$state/incoming"
cd "$state/incoming"
need=$(du -sk . | cut -f1)
tab=$(printf '\t')
while IFS=$tab read -r verb mode owner group path blob; do
    [ "$verb" = F ] || continue
    parent=${path%/*}
    while [ ! -d "$parent" ]; do parent=${parent%/*}; done
    free=$(df -Pk "${parent:-/}" | awk 'NR==2 {print $4}')
    if [ "$free" -lt $((need * 2 + 1024)) ]; then
        echo "not enough room for $path: ${free} KiB free; nothing was written" >&2
        exit 1
    fi
done <plan
# What a guarded change replaces is kept first, unless an interrupted run did so: that one was still in force
while IFS=$tab read -r verb mode owner group path handler; do
    [ "$verb" = G ] || continue
    kept=$state/revert/$handler
    [ ! -e "$kept/complete" ] || continue
    mkdir -p "$kept/files"
    if [ -e "$path" ]; then
        (cd / && tar -cf - "${path#/}") | tar -xpf - -C "$kept/files"
    else
        printf '%s\n' "$path" >>"$kept/absent"
    fi
done <plan
for kept in "$state"/revert/*/; do
    [ ! -d "$kept" ] || : >"$kept/complete"
done
while IFS=$tab read -r verb mode owner group path blob; do
    case $verb in
    D | R)
        if [ -e "$path" ] && [ ! -d "$path" ]; then
            echo "$path is in the way of a directory; move it" >&2
            exit 1
        fi
        mkdir -p "$path"
        [ "$verb" = D ] || chown -R "$owner:$group" "$path"
        chown "$owner:$group" "$path"
        chmod "$mode" "$path"
        ;;
    F)
        new=${path%/*}/.${path##*/}.estate-new
        rm -f "$new"
        cat "$blob" >"$new"
        chown "$owner:$group" "$new"
        chmod "$mode" "$new"
        sync "$new"
        mv -fT "$new" "$path"
        ;;
    A)
        chown "$owner:$group" "$path"
        chmod "$mode" "$path"
        ;;
    X)
        rm -f "$path"
        rmdir -p --ignore-fail-on-non-empty "${path%/*}" 2>/dev/null || :
        ;;
    esac
done <plan
