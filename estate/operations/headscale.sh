# Talks to Headscale's REST API from its own host: the API key stays in a root-only file and out of argv.
# Reads CONTAINER PORT KEYS (directory of pre-auth keys); defines api METHOD PATH [BODY] and what is built on it.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
key_file=/var/lib/estate/headscale-api-key
address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$CONTAINER" 2>/dev/null || :)
[ -n "$address" ] || { echo "unreachable"; exit 0; }
api() {
    printf 'header = "Authorization: Bearer %s"\nheader = "Content-Type: application/json"\n' "$(cat "$key_file")" |
        curl -K - -sS --fail-with-body --max-time 15 -X "$1" ${3:+--data "$3"} "http://$address:$PORT$2"
}
authorised() { [ -s "$key_file" ] && api GET /api/v1/apikey >/dev/null 2>&1; }
field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
user_id() { api GET "/api/v1/user?name=$1" | field id; }
create_user() { [ -n "$(user_id "$1")" ] || api POST /api/v1/user "{\"name\":\"$1\"}" >/dev/null; }
create_key() { # USER REUSABLE EPHEMERAL EXPIRES
    body="{\"user\":\"$(user_id "$1")\",\"reusable\":$2,\"ephemeral\":$3,\"expiration\":\"$4\"}"
    api POST /api/v1/preauthkey "$body" | grep -o '"key" *: *"[^"]*"' | head -n 1 | field key >"$KEYS/.$1.new"
    [ -s "$KEYS/.$1.new" ] || { echo "no pre-auth key in Headscale's answer" >&2; return 1; }
    mv "$KEYS/.$1.new" "$KEYS/$1"
}
