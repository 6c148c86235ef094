# On the hub: builds one node's generation from the configuration on standard input (a base64 tar) and puts it into
# the depot, signed. Says nothing but the generation's path. Reads NODE, DIGEST (of the configuration), DEPOT, KEY.
set -eu
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
exec 9>/run/estate/publish.lock
flock -w 600 9 || { echo "another build on this hub does not end" >&2; exit 1; }
work=/var/lib/estate/builds/$NODE
rm -rf "$work.new"
mkdir -p "$work.new" "$DEPOT/systems" "$DEPOT/cache"
base64 -d | tar -xzf - -C "$work.new"
rm -rf "$work"
mv -T "$work.new" "$work"
# The link is a root of the garbage collector: what a node may still fetch is kept
path=$(nix-build '<nixpkgs/nixos>' -A system -I nixos-config="$work/configuration.nix" -o "$work/system" 2>"$work/log") || {
    tail -n 20 "$work/log" >&2
    exit 1
}
nix --extra-experimental-features nix-command copy --to "file://$DEPOT/cache?secret-key=$KEY" "$path"
printf '%s\n' "$path" >"$DEPOT/systems/.$DIGEST.new"
mv -f "$DEPOT/systems/.$DIGEST.new" "$DEPOT/systems/$DIGEST"
# What was published for configurations of long ago is not fetched again
find "$DEPOT/systems" -type f -mtime +60 -delete
printf '%s\n' "$path"
