# On a node: the fetched generation and release become the running ones, together. The undo is armed by now.
# Reads DIGEST, RELEASE_ID, SCHEMA, KEEP.
set -eu
export LC_ALL=C PATH=/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
state=/var/lib/estate/edge
path=$(readlink -f "$state/next")
[ "$(cat "$path/etc/estate/configuration")" = "$DIGEST" ] || { echo "the fetched generation is another one; run again" >&2; exit 1; }
before=$(readlink /opt/clavitor/current || :)
old=$(readlink -f /nix/var/nix/profiles/system)
if [ "$old" != "$path" ] || [ "$before" != "releases/$RELEASE_ID" ]; then
    printf '%s\n' "$old" "$before" "$(cat "$state/schema" 2>/dev/null || echo 0)" >"$state/previous"
fi
ln -sfn "releases/$RELEASE_ID" /opt/clavitor/.current.new
mv -fT /opt/clavitor/.current.new /opt/clavitor/current
printf '%s\n' "$SCHEMA" >"$state/schema"
[ "$(readlink -f /nix/var/nix/profiles/system)" = "$path" ] || nix-env -p /nix/var/nix/profiles/system --set "$path"
pid() { systemctl show -p MainPID --value "$1" 2>/dev/null || :; }
clavitor=$(pid clavitor.service) bridge=$(pid push-bridge.service)
code=0
# A unit of its own: it goes on when this connection is one of the things that it restarts
systemd-run --quiet --collect --wait --pipe --unit=estate-switch "$path/bin/switch-to-configuration" switch || code=$?
# What no generation knows: the release, and what is secret. A unit that the switch has just started has both
renew() {
    digest=$(sha256sum <"$2" | cut -d' ' -f1)
    if [ "$4" = changed ] || [ "$digest" != "$(cat "$state/$1.private" 2>/dev/null)" ]; then
        [ "$(pid "$1")" != "$3" ] || systemctl restart "$1"
    fi
    printf '%s\n' "$digest" >"$state/$1.private"
}
released=same
[ "$before" = "releases/$RELEASE_ID" ] || released=changed
renew clavitor.service /etc/clavitor/env "$clavitor" "$released"
[ ! -e /etc/push-bridge/secrets.json ] || renew push-bridge.service /etc/push-bridge/secrets.json "$bridge" same
[ "$code" = 0 ] || { echo "switch-to-configuration ended with $code" >&2; exit 1; }
# Three of each at least: after a failed switch the two newest would be the broken one and nothing to go back to
nix-env -p /nix/var/nix/profiles/system --delete-generations "+$KEEP" >/dev/null
cd /opt/clavitor/releases
ls -1t | grep -v -x -e "$RELEASE_ID" -e "${before#releases/}" | tail -n "+$((KEEP - 1))" | xargs -r rm -rf
