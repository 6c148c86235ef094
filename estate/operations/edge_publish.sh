# On the hub: puts one node's generation into the depot, signed. Says nothing but the generation's path. Builds it from
# the configuration on standard input (a base64 tar), unless SYSTEM names one that was built elsewhere; what this store
# lacks of that one is in the file CLOSURE. Reads NODE, DIGEST (of the configuration), DEPOT, KEY, SYSTEM, CLOSURE.
set -eu
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
# It is as large as a system, and this disk is small
trap '[ -z "$CLOSURE" ] || rm -f "$CLOSURE"' EXIT
mkdir -p /run/estate
exec 9>/run/estate/publish.lock
flock -w 600 9 || { echo "another build on this hub does not end" >&2; exit 1; }
work=/var/lib/estate/builds/$NODE
mkdir -p "$DEPOT/systems" "$DEPOT/cache"
# $work/system is a root of the garbage collector: what a node may still fetch is kept
if [ -n "$SYSTEM" ]; then
    path=$SYSTEM
    # Nobody has signed it yet: it came through root's own connection, and root's import asks for no signature
    [ -z "$CLOSURE" ] || nix-store --import <"$CLOSURE" >/dev/null
    mkdir -p "$work"
    nix-store --realise "$path" --add-root "$work/system" --indirect >/dev/null
    [ "$(cat "$path/etc/estate/configuration")" = "$DIGEST" ] || { echo "$path is of another configuration" >&2; exit 1; }
    # What the hub last built for this node itself
    find "$work" -mindepth 1 -maxdepth 1 ! -name system -exec rm -rf {} +
else
    rm -rf "$work.new"
    mkdir -p "$work.new"
    base64 -d | tar -xzf - -C "$work.new"
    rm -rf "$work"
    mv -T "$work.new" "$work"
    path=$(nix-build '<nixpkgs/nixos>' -A system -I nixos-config="$work/configuration.nix" -o "$work/system" 2>"$work/log") || {
        tail -n 20 "$work/log" >&2
        exit 1
    }
fi
nix --extra-experimental-features nix-command copy --to "file://$DEPOT/cache?secret-key=$KEY" "$path"
printf '%s\n' "$path" >"$DEPOT/systems/.$DIGEST.new"
mv -f "$DEPOT/systems/.$DIGEST.new" "$DEPOT/systems/$DIGEST"
# What was published for configurations of long ago is not fetched again
find "$DEPOT/systems" -type f -mtime +60 -delete
printf '%s\n' "$path"
