# Runs the steps of a Proxmox node. Reads TOKENS (directory of kept API tokens); defines run and keep_token.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
# It may have been lost since the plan: then every write would fail, half of them after the first
if [ -e /etc/pve/corosync.conf ] && ! pvecm status 2>/dev/null | grep -q '^Quorate:[[:space:]]*Yes'; then
    echo "the cluster has no quorum: nothing was written (bring the other node back; see docs/homelab.md)" >&2
    exit 1
fi
run() { # WHAT COMMAND...
    what=$1
    shift
    "$@" </dev/null || {
        code=$?
        echo "$what: $1 $2 ended with $code" >&2
        exit 1
    }
}
field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
keep_token() { # USER NAME [OPTIONS]: the value is shown once, so it goes to its file and nowhere else
    user=$1 token=$2
    shift 2
    mkdir -p "$TOKENS"
    making=$TOKENS/.making-$user!$token
    [ ! -e "$making" ] || pveum user token remove "$user" "$token" >/dev/null 2>&1 || :
    : >"$making"
    pveum user token add "$user" "$token" "$@" --output-format json | field value >"$TOKENS/.value"
    [ -s "$TOKENS/.value" ] || { echo "no value in the answer for $user!$token" >&2; return 1; }
    mv -f "$TOKENS/.value" "$TOKENS/$user!$token" && rm -f "$making"
}
