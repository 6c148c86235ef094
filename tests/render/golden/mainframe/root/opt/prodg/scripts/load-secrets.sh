#!/bin/bash
# Regenerates .env and the services' secret files from Infisical, with nothing at hand but .env.infisical.
#
#     load-secrets.sh             load, and say which services need a restart
#     load-secrets.sh --check     change nothing; exit code 2 when something would change
#     load-secrets.sh --restart   load, and restart the services that need it
#
# When anything is wrong every old file stays in place and the exit code is 1. No value is ever printed.
# Written by the deploy (templates/infisical/load-secrets.sh.j2); a change made here is overwritten.
set -euo pipefail
umask 077
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

COMPOSE_DIR=/opt/prodg/compose
PROJECT=prodg
TOKEN_FILE=$COMPOSE_DIR/.env.infisical
ENV_FILE=$COMPOSE_DIR/.env
CONTAINER=infisical
PORT=8082
SCOPE='{"project": "00000000-0000-0000-0000-000000000000", "environment": "prod", "path": "/"}'
ENVIRONMENT_SECRETS='["HERMES_API_TOKEN", "INFISICAL_AUTH_SECRET", "INFISICAL_DB_PASSWORD", "INFISICAL_ENCRYPTION_KEY", "INFISICAL_REDIS_PASSWORD", "MINIO_ROOT_PASSWORD", "MINIO_ROOT_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_USER", "REDIS_PASSWORD", "TAVILY_API_KEY"]'
FILES='[{"secret": "POSTGRES_PASSWORD", "path": "/opt/prodg/secrets/postgres/password", "owner": "70:70", "service": "postgres", "text": "{value}"}, {"secret": "REDIS_PASSWORD", "path": "/opt/prodg/secrets/redis/password", "owner": "1000:1000", "service": "redis", "text": "{value}"}, {"secret": "REDIS_PASSWORD", "path": "/opt/prodg/secrets/redis/auth.conf", "owner": "1000:1000", "service": "redis", "text": "requirepass \"{value}\"\n"}, {"secret": "INFISICAL_DB_PASSWORD", "path": "/opt/prodg/secrets/infisical-db/password", "owner": "70:70", "service": "infisical-db", "text": "{value}"}, {"secret": "INFISICAL_REDIS_PASSWORD", "path": "/opt/prodg/secrets/infisical-redis/password", "owner": "1000:1000", "service": "infisical-redis", "text": "{value}"}, {"secret": "INFISICAL_REDIS_PASSWORD", "path": "/opt/prodg/secrets/infisical-redis/auth.conf", "owner": "1000:1000", "service": "infisical-redis", "text": "requirepass \"{value}\"\n"}, {"secret": "VAULTWARDEN_ADMIN_TOKEN", "path": "/opt/prodg/secrets/vaultwarden/admin-token", "owner": "1000:1000", "service": "vaultwarden", "text": "{value}"}, {"secret": "TELEGRAM_BOT_TOKEN", "path": "/opt/prodg/secrets/alertmanager/telegram-token", "owner": "65534:65534", "service": "alertmanager", "text": "{value}"}, {"secret": "GRAFANA_ADMIN_PASSWORD", "path": "/opt/prodg/secrets/grafana/admin-password", "owner": "472:0", "service": "grafana", "text": "{value}"}]'
CONSUMERS='{"GRAFANA_ADMIN_PASSWORD": ["grafana"], "HERMES_API_TOKEN": ["hermes-api"], "INFISICAL_AUTH_SECRET": ["infisical"], "INFISICAL_DB_PASSWORD": ["infisical-db", "infisical"], "INFISICAL_ENCRYPTION_KEY": ["infisical"], "INFISICAL_REDIS_PASSWORD": ["infisical-redis", "infisical"], "MINIO_ROOT_PASSWORD": ["s3", "hermes-api"], "MINIO_ROOT_USER": ["s3", "hermes-api"], "POSTGRES_DB": ["postgres", "hermes-api"], "POSTGRES_PASSWORD": ["postgres", "hermes-api"], "POSTGRES_USER": ["postgres", "hermes-api"], "REDIS_PASSWORD": ["redis", "hermes-api"], "TAVILY_API_KEY": ["hermes-api"], "TELEGRAM_BOT_TOKEN": ["alertmanager"], "VAULTWARDEN_ADMIN_TOKEN": ["vaultwarden"]}'
BY_DEPLOY='["GRAFANA_ADMIN_PASSWORD", "INFISICAL_DB_PASSWORD", "POSTGRES_PASSWORD"]'

fail() {
    echo "load-secrets: $1" >&2
    [ $# -lt 2 ] || echo "  remedy: $2" >&2
    echo "  nothing was changed" >&2
    exit 1
}

# Asks METHOD PATH with a JSON body on standard input; prints the answer. The token goes through curl's -K.
ask() {
    body=$(cat)
    {
        [ -z "${token:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$token"
        [ -z "$body" ] || printf 'header = "Content-Type: application/json"\ndata = %s\n' "$(printf '%s' "$body" | jq -Rs .)"
    } | curl --silent --show-error --config - --request "$1" --max-time 20 --retry 4 --retry-connrefused \
        --retry-max-time 45 --write-out '\n%{http_code}' "$base$2" || fail "Infisical does not answer ($base)" \
        "docker logs $CONTAINER"
}

# Checks the status in the last line of an answer; prints the rest.
checked() {
    status=$(printf '%s' "$1" | tail -n 1)
    document=$(printf '%s' "$1" | sed '$d')
    if [ "$status" != 200 ]; then
        message=$(printf '%s' "$document" | jq -r '.message | tostring' 2>/dev/null | head -c 200) || message=
        fail "$2: ${message:-no message} ($status)" "$3"
    fi
    printf '%s' "$document" | jq -e 'type == "object"' >/dev/null 2>&1 || fail "$2: the answer is not JSON" "see what answers at $base"
    printf '%s' "$document"
}

setting() { sed -n "s/^$1='\{0,1\}\([^']*\)'\{0,1\}\$/\1/p" "$TOKEN_FILE" | tail -n 1; }

log_in() {
    token=$(setting INFISICAL_TOKEN | cut -d. -f1-3)
    [ -z "$token" ] || return 0
    id=$(setting INFISICAL_CLIENT_ID) secret=$(setting INFISICAL_CLIENT_SECRET)
    [ -n "$id" ] && [ -n "$secret" ] || fail "$TOKEN_FILE holds no token" "estate secrets rotate host-token, or run the deploy"
    answer=$(printf '%s\n%s\n' "$id" "$secret" | jq -nR '{clientId: input, clientSecret: input}' |
        ask POST /v1/auth/universal-auth/login) || exit 1
    document=$(checked "$answer" "logging in" "estate secrets rotate host-token") || exit 1
    token=$(printf '%s' "$document" | jq -re .accessToken) || fail "logging in: no token in the answer" "docker logs $CONTAINER"
}

# jq functions: the values by name; what is wrong with them; a value quoted for .env as the deploy does it.
LIBRARY='
def values: ([.imports[]?.secrets[]?] + [.secrets[]]) | map(select((.type // "shared") == "shared"))
    | map({(.secretKey): .secretValue}) | add // {};
def moved: ($scope | fromjson) as $want | [.secrets[] | select((.environment // $want.environment) != $want.environment
    or (.secretPath // $want.path) != $want.path)] | length > 0;
def hidden: [.imports[]?.secrets[]?, .secrets[] | select(.secretValueHidden == true)] | length > 0;
def placeholder: test("^(__.*__|change_?me.*|replace_?me.*|todo|xxx+|<.*>|\\$\\{.*\\})$"; "i");
def wanted: ($env_names + [$files[].secret]) | unique;
def faults: values as $v | wanted[] | . as $name | $v[$name] as $value
    | if $value == null then "\($name) is missing" elif ($value | test("^\\s*$")) then "\($name) is empty"
      elif ($value | placeholder) then "\($name) is a placeholder"
      elif ($value | test("[\n\r\u0000]")) then "\($name) has a line break" else empty end;
def quoted: if test("[\u0027\\\\]") then "\"" + (gsub("\\\\"; "\\\\") | gsub("\""; "\\\"") | gsub("\\$"; "\\$")) + "\""
    else "\u0027" + . + "\u0027" end;
def dotenv: values as $v | "# Written by the deploy; a change made here is overwritten by the next one.\n"
    + ([$env_names[] | . + "=" + ($v[.] | quoted) + "\n"] | add // "");
'
FILE_TEXT='values as $v | $files[$index] | . as $f | .text | split("{value}") | join($v[$f.secret])'
run_jq() { # OPTIONS PROGRAM
    printf '%s' "$secrets" | jq "$1" --argjson env_names "$ENVIRONMENT_SECRETS" --argjson files "$FILES" \
        --arg scope "$SCOPE" --argjson index "${index:-0}" "$LIBRARY $2"
}

replace() { # PATH OWNER MODE, content on standard input; notes whether it differs
    new=${1%/*}/.${1##*/}.estate-new
    rm -f "$new"
    cat >"$new"
    if cmp -s "$new" "$1"; then
        rm -f "$new"
        return 1
    fi
    if [ "$mode" = check ]; then
        rm -f "$new"
        return 0
    fi
    chown "$2" "$new"
    chmod "$3" "$new"
    sync "$new"
    mv -fT "$new" "$1"
}

mode=load
case ${1:-} in
"") ;;
--check) mode=check ;;
--restart) mode=restart ;;
*) fail "unknown option" "see the head of $0" ;;
esac
[ "$(id -u)" = 0 ] || fail "it has to run as root" "sudo $0"
[ -f "$TOKEN_FILE" ] || fail "$TOKEN_FILE is missing" "run the deploy: it writes it"
[ "$(stat -c %a "$TOKEN_FILE")" = 600 ] || fail "others may read $TOKEN_FILE" "chmod 600 $TOKEN_FILE"
mkdir -p /var/lib/estate
exec 9>/var/lib/estate/lock
flock -w 30 9 || fail "a deploy is writing to this host" "wait for it to end"

address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$CONTAINER" 2>/dev/null | cut -d' ' -f1)
[ -n "$address" ] || fail "the container $CONTAINER does not run" "cd $COMPOSE_DIR && docker compose up -d $CONTAINER"
base=http://$address:$PORT/api
log_in
query=$(printf '%s' "$SCOPE" | jq -r '"projectId=\(.project|@uri)&environment=\(.environment|@uri)&secretPath=\(.path|@uri)"')
options="viewSecretValue=true&expandSecretReferences=true&include_imports=true&includeImports=true"
answer=$(ask GET "/v4/secrets?$query&$options" </dev/null) || exit 1
secrets=$(checked "$answer" "reading the secrets" "estate secrets status says what the token may read") || exit 1
printf '%s' "$secrets" | jq -e '.secrets | type == "array"' >/dev/null || fail "the answer holds no list of secrets"
run_jq -e 'moved | not' >/dev/null || fail "the server answered for another environment or path" "use a token of this one"
run_jq -e 'hidden | not' >/dev/null || fail "the server hides values" "let the identity read values"
faults=$(run_jq -r faults) || fail "the answer cannot be understood" "see what answers at $base"
[ -z "$faults" ] || fail "$(printf '%s' "$faults" | tr '\n' ';' | sed 's/;/; /g')" "estate secrets audit, then estate secrets set NAME"

# Names whose line in .env is another one; the lines themselves stay in this pipe
changed=$(run_jq -j dotenv | { cat; echo; } | awk -F= -v old="$ENV_FILE" '
    BEGIN { while ((getline line < old) > 0) { name = line; sub(/=.*/, "", name); there[name] = line } }
    /^[A-Z]/ { name = $1; if (there[name] != $0) print name }')
content=$(run_jq -j dotenv && printf x) || fail "the values cannot be written as .env" "estate secrets audit"
printf '%s' "${content%x}" | replace "$ENV_FILE" root:root 0600 || :
count=$(printf '%s' "$FILES" | jq length)
index=0
while [ "$index" -lt "$count" ]; do
    set -- $(printf '%s' "$FILES" | jq -r ".[$index] | .path, .owner, .secret, .service")
    mkdir -p "${1%/*}"
    content=$(run_jq -j "$FILE_TEXT" && printf x) || fail "the text of $1 cannot be made" "estate secrets audit"
    if printf '%s' "${content%x}" | replace "$1" "$2" 0400; then
        changed="$changed $3"
    fi
    index=$((index + 1))
done
changed=$(printf '%s\n' $changed | sort -u)
if [ -z "$changed" ]; then
    echo "nothing changed"
    exit 0
fi
services=
for name in $changed; do
    users=$(printf '%s' "$CONSUMERS" | jq -r --arg name "$name" '.[$name] // [] | join(" ")')
    echo "$name changed: $users"
    if printf '%s' "$BY_DEPLOY" | jq -e --arg name "$name" 'index($name)' >/dev/null; then
        echo "  its service keeps the old one in its data: run the deploy, or \`estate secrets rotate\`"
    fi
    services="$services $users"
done
services=$(printf '%s\n' $services | sort -u | tr '\n' ' ')
[ "$mode" != check ] || exit 2
if [ "$mode" = restart ]; then
    cd "$COMPOSE_DIR"
    docker compose --project-name "$PROJECT" --progress quiet up --detach --wait --no-deps --force-recreate $services
    echo "restarted: $services"
else
    echo "restart them: $0 --restart, or cd $COMPOSE_DIR && docker compose up -d --force-recreate $services"
fi
