# The host's lock: one controller deploys to a host at a time. Sourced by what takes, renews and gives it back.
# A line of tabs: run, who, since, purpose, end of the lease (seconds since 1970, by this host's clock). The lease
# outlives the controller by LEASE seconds, so that its death frees the host; a command that it left running holds `busy`.
# Reads RUN WHO SINCE PURPOSE LEASE.
lock=/var/lib/estate/run.lock
tab=$(printf '\t')
read_lock() { id= who= since= purpose= ends=; [ ! -s "$lock" ] || IFS=$tab read -r id who since purpose ends <"$lock" || :; }
write_lock() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$RUN" "$WHO" "$SINCE" "$PURPOSE" "$(($(date +%s) + LEASE))" >"$lock.new" &&
        mv -f "$lock.new" "$lock"
}
left() { # seconds of the lease; none when the clock jumped
    case $ends in '' | *[!0-9]*) echo 0; return ;; esac
    rest=$((ends - $(date +%s)))
    [ "$rest" -le $((2 * LEASE)) ] || rest=0
    echo "$rest"
}
at_work() { # a command of the lock's run; after a reboot the file is not there
    [ -e /run/estate/busy ] && ! flock -n -x /run/estate/busy true
}
take_lock() {
    # In a subshell: a redirection that fails would end the shell itself
    if ! mkdir -p /run/estate /var/lib/estate 2>/dev/null || ! ( : >>"$lock" ) 2>/dev/null; then
        printf 'unwritable\t%s\n' "$lock"
        return 1
    fi
    exec 9>/run/estate/guard
    flock -w 5 9 || { printf 'busy\t-\t-\t-\tanother controller takes the lock right now\n'; return 1; }
    read_lock
    if [ -n "$id" ] && [ "$id" != "$RUN" ]; then
        if [ "$(left)" -gt 0 ]; then
            printf 'locked\t%s\t%s\t%s\t%s\t%s\n' "$id" "$who" "$since" "$purpose" "$(left)"
            return 1
        fi
        if at_work; then
            printf 'busy\t%s\t%s\t%s\t%s\n' "$id" "$who" "$since" "a command of that run still runs here"
            return 1
        fi
        printf 'interrupted\t%s\t%s\t%s\t%s\n' "$id" "$who" "$since" "$purpose"
    fi
    write_lock || { printf 'unwritable\t%s\n' "$lock"; return 1; }
    exec 9>&-
    printf 'taken\n'
}
