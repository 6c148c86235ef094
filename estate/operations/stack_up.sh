# Brings a compose project to its declared state and waits for health; if that fails it goes back to the last release.
# Comes after stack_snapshot.sh and stack_return.sh, whose variables and functions it uses.
# Reads COMPOSE_DIR PROJECT TIMEOUT, SERVICES (to bring up), ROLLING (those, too, but two of each may run at once),
# FORCE (those to recreate in any case) and ORPHANS (containers to remove).
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd "$COMPOSE_DIR" || exit 1

unhealthy() {
    echo "not every service became healthy within $TIMEOUT s:" >&2
    report
    go_back
}

wait_for() { # CONTAINER
    end=$(($(date +%s) + TIMEOUT))
    while [ "$(date +%s)" -lt "$end" ]; do
        case $(state_of "$1") in
        "running healthy" | "running ") return 0 ;;
        "running starting") sleep 0.5 ;;
        *) return 1 ;;
        esac
    done
    return 1
}

remove() { # CONTAINER: in peace, so that it answers what it was asked
    docker stop "$1" >/dev/null && docker rm --force "$1" >/dev/null
}

# The old one is left alone until a second one serves, and that one until the new one does
roll() { # SERVICE
    compose run --detach --no-deps --use-aliases --no-TTY --label estate.next=true --name "$1-next" "$1" \
        >/dev/null </dev/null || return 1
    wait_for "$1-next" || return 1
    case " $FORCE " in *" $1 "*) remove "$1" || return 1 ;; esac
    # With --no-deps it would be made from another configuration hash, and the next `up` would make it anew
    compose up --detach --wait --wait-timeout "$TIMEOUT" "$1" || return 1
    remove "$1-next"
}

if [ -e "$snapshots/restoring" ]; then
    restore_snapshot || { echo "the data are half restored from $snapshots, and the rest cannot be" >&2; exit 1; }
fi
compose config --quiet || go_back
for container in $ORPHANS; do
    docker rm --force "$container" >/dev/null || go_back
done
[ -n "$SERVICES$ROLLING" ] || exit 0
compose pull --quiet --policy missing $SERVICES $ROLLING || { echo "an image could not be pulled" >&2; go_back; }
snapshot || go_back
for service in $FORCE; do
    case " $ROLLING " in *" $service "*) continue ;; esac
    docker rm --force "$service" >/dev/null 2>&1
done
if [ -n "$SERVICES" ]; then
    compose up --detach --wait --wait-timeout "$TIMEOUT" $SERVICES || unhealthy
fi
for service in $ROLLING; do
    roll "$service" || unhealthy
done
exit 0
