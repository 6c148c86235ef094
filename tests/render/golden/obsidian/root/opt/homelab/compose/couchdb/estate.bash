
#!/bin/bash
# Asks the CouchDB of this container, which has no HTTP client: up, admin, prove or change.
# A password comes on standard input; only shell builtins see one, so that none is ever an argument.
set -u
export LC_ALL=C
database=obsidian-vault user=obsidian admin=estate

ask() { # METHOD PATH [CREDENTIALS [BODY]]: sets status and body
    local method=$1 path=$2 credentials=${3:-} content=${4:-} line
    status=000 body=
    exec 3<>/dev/tcp/127.0.0.1/5984 || return 1
    {
        printf '%s %s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n' "$method" "$path"
        [ -z "$credentials" ] || printf 'Authorization: Basic %s\r\n' "$(printf %s "$credentials" | base64 -w0)"
        printf 'Content-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "${#content}" "$content"
    } >&3
    read -r -t 20 line <&3 || return 1
    line=${line#* }
    status=${line%% *}
    while read -r -t 20 line <&3 && [ -n "${line%$'\r'}" ]; do :; done
    body=$(cat <&3)
    exec 3>&-
}
expect() { # STATUS…
    local wanted
    for wanted; do [ "$status" != "$wanted" ] || return 0; done
    echo "CouchDB answered $status" >&2
    return 1
}
quoted() { # for JSON
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

case ${1:-} in
up)
    ask GET /_up && expect 200
    ;;
admin)
    password=$(cat)
    ask GET /_all_dbs "$admin:$password" && expect 200
    ;;
prove)
    password=$(cat)
    ask GET "/$database" && expect 401 &&
        ask GET "/$database" "$user:$password" && expect 200 &&
        ask GET /_users/_all_docs "$user:$password" && expect 401 403
    ;;
change)
    password=$(cat)
    root="$admin:$(cat /run/secrets/admin-password)"
    ask PUT "/$database" "$root" && expect 201 202 412 || exit 1
    names="{\"names\":[\"$user\"],\"roles\":[]}"
    ask PUT "/$database/_security" "$root" "{\"admins\":$names,\"members\":$names}" && expect 200 || exit 1
    ask GET "/_users/org.couchdb.user:$user" "$root" && expect 200 404 || exit 1
    revision=
    [[ $status = 200 && $body =~ \"_rev\":\"([^\"]+)\" ]] && revision="\"_rev\":\"${BASH_REMATCH[1]}\","
    ask PUT "/_users/org.couchdb.user:$user" "$root" \
        "{$revision\"name\":\"$user\",\"roles\":[],\"type\":\"user\",\"password\":$(quoted "$password")}" && expect 201 202
    ;;
*)
    echo "up, admin, prove or change" >&2
    exit 2
    ;;
esac
