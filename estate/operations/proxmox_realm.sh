# Gives a realm its client key, which is read from standard input: `pveum realm modify --client-key` would show it to
# every account of the node. The API takes it in the body of a request, for which a token is made that ends with it.
# Reads REALM; field comes from proxmox.sh.
IFS= read -r key
node=$(hostname -s 2>/dev/null || hostname)
name=estate-realm
pveum user token remove root@pam $name >/dev/null 2>&1 || :
trap 'pveum user token remove root@pam $name >/dev/null 2>&1 || :' EXIT
trap 'exit 130' HUP INT TERM
value=$(pveum user token add root@pam $name --privsep 0 --expire $(($(date +%s) + 120)) --output-format json | field value)
[ -n "$value" ] || { echo "no token for root@pam" >&2; exit 1; }
escaped() { printf %s "$1" | sed 's/[\\"]/\\&/g'; }
{
    printf 'url = "https://%s:8006/api2/json/access/domains/%s"\n' "$node" "$REALM"
    printf 'request = "PUT"\nresolve = "%s:8006:127.0.0.1"\ncacert = "%s"\n' "$node" "${CA:-/etc/pve/pve-root-ca.pem}"
    printf 'header = "Authorization: PVEAPIToken=root@pam!%s=%s"\n' $name "$value"
    printf 'data-urlencode = "client-key=%s"\n' "$(escaped "$key")"
} | curl -K - -sS --fail --max-time 30 -o /dev/null
