# Prints the whole state of a Proxmox node: sections, each headed "@@<TAB>name<TAB>exit code" (facts/homelab-vps.md, 1).
# Reads STORAGE (where its templates are), REALMS, USERS (whose tokens are asked for),
# ADMINS (accounts that containers should have) and TOKENS (the directory of kept ones).
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
ask() { # NAME COMMAND...
    name=$1
    shift
    "$@" >"$out/$name" 2>"$out/$name.err" </dev/null
    printf '%s\n' $? >"$out/$name.rc"
}
api() { # NAME PATH [OPTIONS]
    name=$1
    shift
    ask "$name" pvesh get "$@" --output-format json &
    few
}
few() { # at once: each is a Perl program of a hundred megabytes
    begun=$((begun + 1))
    [ $((begun % 8)) != 0 ] || wait
}
begun=0
inside() { # VMID: as its root, whatever its network
    timeout 20 pct exec "$1" --keep-env 0 -- sh -c '
        export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        [ -x /usr/sbin/sshd ] && echo sshd
        for admin in '"$ADMINS"'; do
            home=$(getent passwd "$admin" | cut -d: -f6)
            [ -n "$home" ] && [ -s "$home/.ssh/authorized_keys" ] && [ -x /usr/bin/sudo ] && echo "admin $admin"
        done
        for key in /etc/ssh/ssh_host_*_key.pub; do [ -s "$key" ] && echo "key $(cut -d" " -f1,2 "$key")"; done
        exit 0'
}
realm() { # NAME: its client key leaves the node as a digest only
    text=$(pvesh get "/access/domains/$1" --output-format json) || return
    key=$(printf '%s\n' "$text" | sed -n 's/.*"client-key" *: *"\([^"]*\)".*/\1/p')
    digest=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
    printf '%s\n' "$text" | sed 's/"client-key" *: *"[^"]*"/"client-key":"'"${key:+$digest}"'"/'
}
if ! command -v pvesh >/dev/null; then
    printf '@@\terror\t0\n%s has no pvesh: it is no Proxmox VE node\n' "$(hostname)"
    exit 0
fi
node=$(hostname -s 2>/dev/null || hostname)
ask quorum pvecm status
[ -e /etc/pve/corosync.conf ] && echo yes >"$out/clustered" || echo no >"$out/clustered"
echo 0 >"$out/clustered.rc"
printf '%s\n' "$node" >"$out/node"
echo 0 >"$out/node.rc"
ask list pct list
api version /version
api nodes /nodes
api resources /cluster/resources --type vm
api lxc "/nodes/$node/lxc"
api storages /storage
api storage-status "/nodes/$node/storage"
api jobs /cluster/backup
api domains /access/domains
api roles /access/roles
api groups /access/groups
api users /access/users
api acl /access/acl
wait
for vmid in $(awk 'NR > 1 {print $1}' "$out/list"); do
    api "config-$vmid" "/nodes/$node/lxc/$vmid/config" --current 1
done
for vmid in $(awk 'NR > 1 && $2 == "running" {print $1}' "$out/list"); do
    ask "inside-$vmid" inside "$vmid" &
    few
done
for name in $REALMS; do
    grep -q "\"realm\" *: *\"$name\"" "$out/domains" && ask "realm-$name" realm "$name"
done
for user in $USERS; do
    grep -q "\"userid\" *: *\"$user\"" "$out/users" && api "tokens-$user" "/access/users/$user/token"
done
ask downloaded pveam list "$STORAGE"
ask available pveam available --section system
[ -s "$out/available" ] || { pveam update >/dev/null 2>&1; ask available pveam available --section system; }
ls -A "$TOKENS" >"$out/kept" 2>/dev/null || :
echo 0 >"$out/kept.rc"
wait
for file in "$out"/*.rc; do
    name=$(basename "$file" .rc)
    printf '@@\t%s\t%s\n' "$name" "$(cat "$file")"
    cat "$out/$name"
    # A last line without its end would swallow the next head
    [ -z "$(tail -c 1 "$out/$name")" ] || echo
    [ "$(cat "$file")" = 0 ] || { printf '@@\t%s.error\t0\n' "$name"; tail -n 3 "$out/$name.err"; }
done
