# Brings a compose project to its declared state and waits for health.
# Reads COMPOSE_DIR PROJECT TIMEOUT SERVICES FORCE (services to recreate in any case) ORPHANS (containers to remove).
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$COMPOSE_DIR" || exit 1
compose() { docker compose --project-name "$PROJECT" --progress quiet "$@"; }
compose config --quiet || exit 1
for container in $ORPHANS; do
    docker rm --force "$container" >/dev/null || exit 1
done
[ -n "$SERVICES" ] || exit 0
compose pull --quiet --policy missing $SERVICES || { echo "an image could not be pulled" >&2; exit 1; }
for service in $FORCE; do
    docker rm --force "$service" >/dev/null 2>&1
done
compose up --detach --wait --wait-timeout "$TIMEOUT" $SERVICES && exit 0
echo "not every service became healthy within $TIMEOUT s:" >&2
for container in $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT"); do
    name=$(docker inspect --format '{{.Name}}' "$container")
    name=${name#/}
    state=$(docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$container")
    case $state in
    "running healthy" | "running ") continue ;;
    "created "*) echo "service $name: not started, it waits for another" >&2; continue ;;
    esac
    echo "service $name: $state (exit code $(docker inspect --format '{{.State.ExitCode}}' "$container"))" >&2
    echo "  last health check of $name:" >&2
    docker inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{println .ExitCode .Output}}{{end}}{{end}}' "$container" |
        sed '/^$/d' | tail -n 2 | sed 's/^/    /' >&2
    echo "  last log lines of $name:" >&2
    docker logs --tail 15 "$container" 2>&1 | sed 's/^/    /' >&2
done
exit 1
