# Functions with which a stack goes back to its newest release; what failed is said and kept first.
# Reads STATE PROJECT COMPOSE_DIR SECRETS_DIR TIMEOUT, HANDLERS (whose stamps a return restores), RELEASE (the stamp of
# the newest release), DIGEST (what was declared), CREDENTIALS and RELOADS (services), and the functions
# `credential_file`, `prove`, `change` and `reload` of a service.
# The controller may be gone by now: that must not stop a return half-way.
trap '' HUP PIPE
umask 077
compose() { docker compose --project-name "$PROJECT" --progress quiet "$@"; }
now() { date -u +%Y%m%dT%H%M%SZ; }
dated() { ls -1 "$1" 2>/dev/null | grep -E '^[0-9]{8}T[0-9]{6}Z$'; }
members() { docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" "$@"; }
prune() { # DIRECTORY COUNT
    dated "$1" | head -n -"$2" | while read -r old; do rm -rf "${1:?}/$old"; done
}

state_of() { # CONTAINER
    docker inspect --format '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1"
}
health_log() { # CONTAINER
    docker inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{println .ExitCode .Output}}{{end}}{{end}}' "$1" |
        sed '/^$/d'
}

# A second container (NAME-next) is told of as the service that it is of
name_of() { # CONTAINER
    docker inspect --format '{{if eq (print (index .Config.Labels "com.docker.compose.oneoff")) "True"}}{{index .Config.Labels "com.docker.compose.service"}}{{else}}{{.Name}}{{end}}' "$1" | sed 's,^/,,'
}

kept=
keep_log() { # CONTAINER NAME
    if [ -z "$kept" ]; then
        kept=$STATE/failed/$PROJECT/$(now)
        mkdir -p "$kept"
    fi
    {
        docker inspect --format '{{.Config.Image}} {{.State.Status}}, exit code {{.State.ExitCode}} {{.State.Error}}' "$1"
        health_log "$1"
        docker logs --timestamps --tail 5000 "$1"
    } >"$kept/$2.log" 2>&1
    prune "$STATE/failed/$PROJECT" 5
}

report() {
    for container in $(members); do
        name=$(name_of "$container")
        state=$(state_of "$container")
        case $state in
        "running healthy" | "running ") continue ;;
        "created "*)
            # Without an error it was not tried; with one, its program is not there, say
            if [ -z "$(docker inspect --format '{{.State.Error}}' "$container")" ]; then
                echo "service $name: not started, it waits for another" >&2
                continue
            fi
            ;;
        esac
        keep_log "$container" "$name"
        echo "service $name: $state (exit code $(docker inspect --format '{{.State.ExitCode}}' "$container"))" >&2
        echo "  last health check of $name:" >&2
        health_log "$container" | tail -n 2 | sed 's/^/    /' >&2
        echo "  last log lines of $name:" >&2
        docker logs --tail 15 "$container" 2>&1 | sed 's/^/    /' >&2
    done
    [ -z "$kept" ] || echo "the logs are kept in $kept" >&2
}

put() { # SOURCE PATH: owner, mode and time too; nobody ever sees half of it
    if cmp -s "$1" "$2" && [ "$(stat -c '%u %g %a' "$1")" = "$(stat -c '%u %g %a' "$2")" ]; then
        return 0
    fi
    put_new=${2%/*}/.${2##*/}.estate-new
    rm -f "$put_new"
    cp -a "$1" "$put_new" && sync "$put_new" && mv -fT "$put_new" "$2"
}

restore_files() { # RELEASE
    files=$1/files manifest=$STATE/trees/docker_stack
    # A stack without secret files has no directory of them
    tops=$(ls -d "$files$COMPOSE_DIR" "$files$SECRETS_DIR" 2>/dev/null)
    # First the stamps, then a manifest with both sides' files: cut off anywhere, the next run finds what is left to do
    for handler in $HANDLERS; do rm -f "$STATE/applied/$handler"; done
    sort -u "$manifest" "$1/manifest" >"$manifest.both" && mv -fT "$manifest.both" "$manifest" || return 1
    find $tops -type d | sort | while read -r there; do
        path=${there#"$files"}
        [ -d "$path" ] || mkdir "$path" || exit 1
        chown --reference="$there" "$path" && chmod --reference="$there" "$path" || exit 1
    done || return 1
    find $tops -type f | while read -r there; do
        put "$there" "${there#"$files"}" || exit 1
    done || return 1
    # A line is a path, a tab, and what the file held
    while read -r path digest; do
        case $path in "$COMPOSE_DIR"/* | "$SECRETS_DIR"/*) ;; *) continue ;; esac
        [ ! -e "$files$path" ] || continue
        rm -f "$path" || return 1
        rmdir -p --ignore-fail-on-non-empty "${path%/*}" 2>/dev/null
    done <"$manifest"
    # Of the data only the owner: another user for a service gives its data directory to that user
    while read -r owner mode path; do
        [ -d "$path" ] || continue
        [ "$(stat -c %u:%g "$path")" = "$owner" ] || chown -R "$owner" "$path" || return 1
        chmod "$mode" "$path" || return 1
    done <"$1/data"
    put "$1/manifest" "$manifest"
}

locked_restore() { # RELEASE
    exec 9>"$STATE/lock"
    flock -w 60 9 || { echo "another deploy is writing to this host" >&2; return 1; }
    restore_files "$1"
    code=$?
    # Programs that are started later must not hold the lock
    exec 9>&-
    return $code
}

# Those are recreated in any case; their logs are kept by now
remove_unwell() {
    for container in $(members); do
        case $(state_of "$container") in
        "running unhealthy" | exited* | dead* | restarting* | created*) docker rm --force "$container" >/dev/null ;;
        esac
    done
}

# The data have the values of the failed run: they get those of the release's files, each before its consumers start
mend_credentials() {
    for service in $CREDENTIALS; do
        [ -f "$(credential_file "$service")" ] || continue
        prove "$service" >/dev/null 2>&1 && continue
        compose up --detach --wait --wait-timeout "$TIMEOUT" "$service" || return 1
        prove "$service" >/dev/null 2>&1 && continue
        change "$service" && prove "$service" >/dev/null 2>&1 || return 1
    done
}

reload_all() {
    for service in $RELOADS; do
        [ "$(docker inspect --format '{{.State.Running}}' "$service" 2>/dev/null)" = true ] || continue
        reload "$service" >/dev/null 2>&1 || { echo "$service did not reload" >&2; return 1; }
    done
}

drop_next() {
    for container in $(members --filter label=estate.next); do
        docker stop "$container" >/dev/null 2>&1
        docker rm --force "$container" >/dev/null
    done
}

back() { # RELEASE
    # What fails from here on has logs of its own
    kept=
    why="$COMPOSE_DIR is not there"
    cd "$COMPOSE_DIR" || return 1
    why="the snapshot of the data is older than an hour; what was written since would be lost"
    snapshot_is_fresh || return 1
    why="its files could not be restored"
    locked_restore "$1" || return 1
    remove_unwell
    why="the data could not be restored from their snapshot"
    restore_snapshot || return 1
    why="a credential could not be changed back"
    mend_credentials || return 1
    why="its containers did not become healthy"
    compose up --detach --wait --wait-timeout "$TIMEOUT" --remove-orphans || { report; return 1; }
    why="a service did not take its configuration"
    reload_all || return 1
    forget_snapshot
    drop_next
    for handler in $HANDLERS; do
        [ ! -f "$1/stamps/$handler" ] || put "$1/stamps/$handler" "$STATE/applied/$handler" || return 1
    done
}

# A handler failed: its service may be running and well, and yet its log says why
handler_failed() { # HANDLER
    service=${1#"$PROJECT-"}
    service=${service%-config}
    service=${service%-credential}
    ! docker inspect "$service" >/dev/null 2>&1 || keep_log "$service" "$service"
    report
    go_back
}

# Ends the script: 94 when the newest release runs again, 95 when it does not, 1 when there is none to go back to
go_back() {
    from=$(dated "$STATE/releases/$PROJECT" | tail -n 1)
    if [ -z "$from" ]; then
        echo "estate:not-returned no release yet"
        exit 1
    fi
    if [ "$(cat "$STATE/applied/$RELEASE" 2>/dev/null)" = "$DIGEST" ]; then
        echo "estate:not-returned release $from is what was declared"
        exit 1
    fi
    if back "$STATE/releases/$PROJECT/$from" >&2; then
        echo "estate:returned $from"
        exit 94
    fi
    echo "estate:not-returned release $from: $why"
    exit 95
}
