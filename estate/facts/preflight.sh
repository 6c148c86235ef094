# What must be known of a host before anything is changed on any: a tab-separated line an item.
# Reads IMAGES (lines "reference base-url repository tag-or-digest", one a place to look), PROJECT and PORTS (of ours),
# COMPOSE_DIR, BACKUPS (where they keep their state) and MIGRATING (containers whose data another version rewrites),
# FORMER (the project of a host that has no service).
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
printf 'uid\t%s\n' "$(id -u)"
printf 'clock\t%s\n' "$(date +%s)"
( . /etc/os-release 2>/dev/null; printf 'system\t%s\t%s\n' "${ID:-unknown}" "${VERSION_ID:-}" )
# Who listens where we will: Docker itself, a container of ours on the host's network, or somebody else
if [ -n "$PORTS" ] && command -v ss >/dev/null; then
    for port in $PORTS; do
        ss -Hlnp "--${port#*/}" "sport = :${port%/*}" 2>/dev/null | while read -r line; do
            pid=${line##*pid=}
            pid=${pid%%,*}
            name=$(cat "/proc/$pid/comm" 2>/dev/null)
            case $name in
            dockerd | docker-proxy)
                mine=$(docker ps -q --filter "publish=${port}" --filter "label=com.docker.compose.project=$PROJECT")
                [ -z "$mine" ] || continue
                name="container $(docker ps --format '{{.Names}}' --filter "publish=${port}")"
                ;;
            *) ! grep -q docker "/proc/$pid/cgroup" 2>/dev/null || continue ;;
            esac
            printf 'foreign\t%s\t%s\n' "$port" "$name (pid $pid)"
        done | sort -u
    done
fi
there=/
for path in /var /opt; do
    [ ! -d "$path" ] || there="$there $path"
done
# One df for all: a row for each path, in their order
df -Pk $there | awk -v paths="$there" 'BEGIN {split(paths, p, " ")} NR > 1 {printf "free\t%s\t%s\n", p[NR - 1], $4}'
df -Pi $there | awk -v paths="$there" 'BEGIN {split(paths, p, " ")} NR > 1 {printf "inodes\t%s\t%s\n", p[NR - 1], $4}'
present=
if command -v docker >/dev/null; then
    present=$(docker image ls --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)
fi
# What goes on running on a host that no service is declared for any more
if [ -n "$FORMER" ] && command -v docker >/dev/null; then
    docker ps --filter "label=com.docker.compose.project=$FORMER" --format 'former	{{.Names}}' 2>/dev/null
fi
# Proofs of restores, and which images the services have whose new version rewrites their data
if [ -n "$BACKUPS" ] && [ -d "$COMPOSE_DIR" ]; then
    [ ! -s "$BACKUPS/proven.json" ] || printf 'backup-proven\t%s\n' "$(tr -d '\n\t' <"$BACKUPS/proven.json")"
    ! grep -qs '"newest": *"' "$BACKUPS/last.json" || printf 'backup-sets\tyes\n'
    printf 'backup-since\t%s\n' "$(stat -c %W "$COMPOSE_DIR" 2>/dev/null)"
    if [ -n "$MIGRATING" ] && command -v docker >/dev/null; then
        docker inspect --type container --format 'backup-image	{{index .Config.Labels "com.docker.compose.service"}}	{{.Config.Image}}' $MIGRATING 2>/dev/null
    fi
fi
[ -n "$IMAGES" ] || exit 0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
accept='Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'
ask() { curl -sS -I -o "$tmp/head" -w '%{http_code}' --connect-timeout 5 --max-time 20 -H "$accept" "$@" 2>"$tmp/error"; }
resolves() {
    url=$1/v2/$2/manifests/$3
    code=$(ask "$url")
    if [ "$code" = 401 ]; then
        challenge=$(tr -d '\r' <"$tmp/head" | grep -i '^www-authenticate: bearer')
        realm=$(printf '%s' "$challenge" | sed -n 's/.*realm="\([^"]*\)".*/\1/p')
        service=$(printf '%s' "$challenge" | sed -n 's/.*service="\([^"]*\)".*/\1/p')
        token=$(curl -fsS --max-time 20 "$realm?service=$service&scope=repository:$2:pull" 2>"$tmp/error" | sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p')
        printf 'Authorization: Bearer %s\n' "$token" >"$tmp/token"
        code=$(ask -H "@$tmp/token" "$url")
    fi
    [ "$code" = 200 ]
}
found=
printf '%s\n' "$IMAGES" | while read -r reference short base repository version; do
    case " $found " in *" $reference "*) continue ;; esac
    if printf '%s\n' "$present" | grep -qxF "$short"; then
        found="$found $reference"
        continue
    fi
    if ! command -v curl >/dev/null; then
        printf 'nocurl\n'
        break
    fi
    if resolves "$base" "$repository" "$version"; then
        found="$found $reference"
        printf 'pull\t%s\n' "$reference"
    else
        printf 'unresolved\t%s\t%s\t%s\n' "$reference" "$base" "$code $(tail -n 1 "$tmp/error")"
    fi
done
exit 0
