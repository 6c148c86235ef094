# On a node: brings the generation and the release here, so that switching needs no network. Changes nothing that runs.
# Reads DIGEST, BUILD, SOURCE (the depot's URL), CACHE_KEY, RELEASE (sha256), RELEASE_ID, DATABASE.
set -eu
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
state=/var/lib/estate/edge
mkdir -p "$state" /opt/clavitor/releases
get() { curl -fsS --connect-timeout 10 --max-time 300 --retry 3 --retry-all-errors "$@"; }
case $BUILD in
node) path=$(nix-build '<nixpkgs/nixos>' -A system -I nixos-config="$CONFIG/configuration.nix" -o "$state/next") ;;
*)
    path=$(get "$SOURCE/systems/$DIGEST") || { echo "the depot has no generation for this configuration" >&2; exit 1; }
    case $path in /nix/store/*) ;; *) echo "the depot answers with no store path" >&2; exit 1 ;; esac
    nix --extra-experimental-features nix-command copy --from "$SOURCE/cache" \
        --option extra-trusted-public-keys "$CACHE_KEY" "$path"
    nix-store --realise "$path" --add-root "$state/next" --indirect >/dev/null
    ;;
esac
[ "$(cat "$path/etc/estate/configuration")" = "$DIGEST" ] || { echo "$path is of another configuration" >&2; exit 1; }
home=/opt/clavitor/releases/$RELEASE_ID
if ! printf '%s  %s\n' "$RELEASE" "$home/clavitor" | sha256sum -c --quiet - 2>/dev/null; then
    new=/opt/clavitor/releases/.new
    size=$(get -I "$SOURCE/artifacts/$RELEASE" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: //p')
    free=$(df -Pk /opt/clavitor | awk 'NR==2 {print $4}')
    [ "$free" -gt $((${size:-0} / 1024 * 2 + 65536)) ] || {
        echo "no room for the release: ${free} KiB free on /opt, ${size:-0} bytes wanted" >&2
        exit 1
    }
    rm -rf "$new"
    mkdir "$new"
    get -o "$new/clavitor" "$SOURCE/artifacts/$RELEASE"
    printf '%s  %s\n' "$RELEASE" "$new/clavitor" | sha256sum -c --quiet - || { echo "the depot's artifact has another sha256" >&2; exit 1; }
    chmod 555 "$new/clavitor"
    sync "$new/clavitor"
    rm -rf "$home"
    mv -T "$new" "$home"
fi
# The database is kept before any other release writes to it: a copy of a live one is only whole by its own backup
if [ -f "$DATABASE" ] && [ "$(readlink /opt/clavitor/current || :)" != "releases/$RELEASE_ID" ]; then
    said=$(sqlite3 -readonly "$DATABASE" '.timeout 5000' 'PRAGMA quick_check' 2>&1) || :
    [ "$said" = ok ] || { echo "the database is not well, so no release: $said" >&2; exit 1; }
    kept=${DATABASE%/*}/backups
    need=$(du -k "$DATABASE" | cut -f1)
    free=$(df -Pk "${DATABASE%/*}" | awk 'NR==2 {print $4}')
    [ "$free" -gt $((need * 2 + 65536)) ] || { echo "no room for a backup of the database: $free KiB free" >&2; exit 1; }
    umask 077
    mkdir -p "$kept"
    rm -f "$kept/.new.db"
    sqlite3 "$DATABASE" '.timeout 5000' ".backup '$kept/.new.db'"
    said=$(sqlite3 -readonly "$kept/.new.db" 'PRAGMA integrity_check' 2>&1) || :
    [ "$said" = ok ] || { echo "the backup of the database is not well: $said" >&2; exit 1; }
    mv -f "$kept/.new.db" "$kept/before-$RELEASE_ID.db"
    ls -1t "$kept"/before-*.db | tail -n +4 | xargs -r rm -f
fi
