# Read-only: prints what the verification wants to know, in sections that begin with "@@NAME".
# Reads ADMINS PATHS KEYS UNITS PROJECT JAILS (of fail2ban), POSTGRES (databases of a server without a container), PATIENCE and,
# where there is a stack, the names of its SERVICES, of which
# DATABASES are PostgreSQL and QUEUES Redis; BACKUPS is where the backups lie. No secret is printed, nor put into the arguments of a process.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
section() { printf '@@%s\n' "$1"; }
has() { case " $SERVICES " in *" $1 "*) return 0 ;; esac; return 1; }
section passwd; getent passwd
section key-files
getent passwd | cut -d: -f6 | sort -u | while read -r home; do
    for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do [ ! -s "$file" ] || printf '%s\n' "$file"; done
done
for admin in $ADMINS; do
    section "keys $admin"; cat "/home/$admin/.ssh/authorized_keys" 2>/dev/null
    section "groups $admin"; id -nG "$admin" 2>/dev/null
done
section sshd; sshd -T 2>/dev/null
section paths; [ -z "$PATHS" ] || stat --printf '%n\t%a\t%u\t%g\t%U\t%G\n' $PATHS 2>/dev/null
section sysctl; for key in $KEYS; do printf '%s\t%s\n' "$key" "$(sysctl -n "$key" 2>/dev/null | tr '\t' ' ')"; done
section units; for unit in $UNITS; do
    printf '%s\t%s\t%s\n' "$unit" "$(systemctl is-enabled "$unit" 2>/dev/null)" "$(systemctl show --property=ActiveState,ConditionResult --value "$unit" | tr '\n' ' ')"
done
section nft; nft list table inet estate 2>/dev/null | head -n 3
if [ -n "$JAILS" ]; then
    section fail2ban; for jail in $JAILS; do fail2ban-client status "$jail" >/dev/null 2>&1 && echo "$jail"; done
    # A ban in another chain would let everybody through to what Docker publishes
    section fail2ban-action; fail2ban-client get sshd action nftables actionstart 2>/dev/null
fi
section journald; systemd-analyze cat-config systemd/journald.conf 2>/dev/null | grep -v '^[#;]'
if [ -n "$POSTGRES" ]; then
    # As root of the server's own account; roles are tried as clients, over TCP, with what they were given
    sql() { runuser -u postgres -- psql -wqtAX -d postgres -c "$1" 2>&1; }
    section postgres-databases; sql "select datname, pg_encoding_to_char(encoding), datcollate, pg_get_userbyid(datdba), exists (select from aclexplode(datacl) where grantee = 0 and privilege_type = 'CONNECT') from pg_database where not datistemplate and datname <> 'postgres'"
    section postgres-roles; sql "select rolname, rolsuper or rolcreatedb or rolcreaterole, rolpassword like 'SCRAM-SHA-256%' from pg_authid where rolcanlogin and rolname <> 'postgres'"
    section postgres-hba; sql "select type, array_to_string(database, ','), array_to_string(user_name, ','), address, auth_method, error is not null from pg_hba_file_rules"
    section postgres-settings; sql "select name, setting, unit from pg_settings where name in ('shared_buffers', 'max_connections', 'password_encryption', 'ssl', 'listen_addresses')"
    for name in $POSTGRES; do
        section "postgres-login $name"; PGPASSWORD=$(cat "/etc/estate-postgres/$name") psql -wqtAX -h 127.0.0.1 -U "$name" -d "$name" -c 'select current_user' 2>&1
        # The same role may not look into another's database
        section "postgres-others $name"; for other in $POSTGRES; do
            [ "$other" = "$name" ] && continue
            PGPASSWORD=$(cat "/etc/estate-postgres/$name") psql -wqtAX -h 127.0.0.1 -U "$name" -d "$other" -c 'select 1' >/dev/null 2>&1 && echo "$other"
        done
    done
    section postgres-outside; psql -wqtAX -h "$(hostname -I | cut -d' ' -f1)" -U postgres -d postgres -c 'select 1' 2>&1 | tail -n 1
fi
section memory
# What cannot be given back at once: a container's own figures (cgroup 2, 1), where it has some; else the machine's
less() { awk -v used="$1" '/^(total_)?(inactive_file|active_file) |^slab_reclaimable / {used -= $2} END {printf "%d\n", used}' "$2"; }
if [ -r /sys/fs/cgroup/memory.current ]; then
    less "$(cat /sys/fs/cgroup/memory.current)" /sys/fs/cgroup/memory.stat
elif systemd-detect-virt --quiet --container && [ -r /sys/fs/cgroup/memory/memory.usage_in_bytes ]; then
    grep '^total_' /sys/fs/cgroup/memory/memory.stat | less "$(cat /sys/fs/cgroup/memory/memory.usage_in_bytes)" -
else
    awk '/^MemTotal:/ {all = $2} /^MemAvailable:/ {free = $2} END {printf "%d\n", (all - free) * 1024}' /proc/meminfo
fi
for job in $WATCHES; do
    section "watch $job"; timeout 120 /usr/local/sbin/estate-watch "$job" --quiet 2>&1; echo "exit $?"
done
if [ -n "$MEASURED" ]; then
    section cpu
    # Microseconds, of cgroup 2 or 1
    spent() { awk '/^usage_usec/ {print $2}' /sys/fs/cgroup/cpu.stat 2>/dev/null || echo $(($(cat /sys/fs/cgroup/cpuacct/cpuacct.usage) / 1000)); }
    before=$(spent) && [ -n "$before" ] && sleep 10 && echo $((($(spent) - before) / 100000))
fi
[ -n "$PROJECT" ] || exit 0
section oom
docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | xargs -r docker inspect --format '{{.Name}} {{.State.OOMKilled}}'
section usage
docker ps -q --filter "label=com.docker.compose.project=$PROJECT" | xargs -r docker stats --no-stream --format '{{.Name}} {{.MemPerc}}'
# By name, for a container that the format below cannot describe must not go unseen
section container-names; docker ps -a --filter "label=com.docker.compose.project=$PROJECT" --format '{{.Names}}'
section containers
docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" | xargs -r docker inspect --format '{"name":{{json .Name}},"service":{{json (index .Config.Labels "com.docker.compose.service")}},"image":{{json .Config.Image}},"user":{{json .Config.User}},"status":{{json .State.Status}},"health":{{with index .State "Health"}}{{json .Status}}{{else}}""{{end}},"memory":{{json .HostConfig.Memory}},"cpus":{{json .HostConfig.NanoCpus}},"pids":{{json .HostConfig.PidsLimit}},"drop":{{json .HostConfig.CapDrop}},"add":{{json .HostConfig.CapAdd}},"readonly":{{json .HostConfig.ReadonlyRootfs}},"security":{{json .HostConfig.SecurityOpt}},"restart":{{json .HostConfig.RestartPolicy.Name}},"log":{{json .HostConfig.LogConfig}},"ports":{{json .HostConfig.PortBindings}},"network":{{json .HostConfig.NetworkMode}}}'
if [ -n "$BACKUPS" ]; then
    section backup-status; "$BACKUPS/scripts/estate-backup" status --json 2>/dev/null
    section backup-since; stat -c %W "$BACKUPS" 2>/dev/null; date +%s
    section backup-metrics; grep -c '^estate_backup_' "$BACKUPS/metrics/estate_backup.prom" 2>/dev/null
    # The stores' credentials are looked for in all that others may read; they go through the pipe and into no argument
    section backup-leaks
    sed -nE 's/^(account|key|access_key_id|secret_access_key) = (.{6,})$/\2/p' "$BACKUPS/../secrets/backup/rclone.conf" |
        grep -rlFf - "$BACKUPS/scripts" "$BACKUPS/config.json" /etc/systemd/system/estate-backup* 2>/dev/null
fi
# A target counts as down or unknown until its next scrape after a restart; scrapes are 30 s apart
settled_targets() {
    end=$(($(date +%s) + PATIENCE))
    while :; do
        targets=$(docker exec "$1" wget -qO- http://127.0.0.1:9090/api/v1/targets)
        case $targets in *'"health":"down"'* | *'"health":"unknown"'*) ;; *) break ;; esac
        [ "$(date +%s)" -lt "$end" ] || break
        sleep 3
    done
    printf '%s\n' "$targets"
}
if has prometheus; then
    section prometheus-targets
    settled_targets prometheus
    section prometheus-rules; docker exec prometheus wget -qO- http://127.0.0.1:9090/api/v1/rules; echo
    section prometheus-config; docker exec prometheus wget -qO- http://127.0.0.1:9090/api/v1/status/config; echo
fi
if has hl-prometheus; then
    section hl-prometheus-targets
    settled_targets hl-prometheus
fi
if has couchdb; then
    tool=/opt/couchdb/etc/default.d/estate.bash
    section couchdb-user; docker exec -i couchdb bash $tool prove <"$SECRETS/couchdb/user-password" >/dev/null 2>&1; echo $?
    section couchdb-wrong; echo certainly-wrong | docker exec -i couchdb bash $tool prove >/dev/null 2>&1; echo $?
fi
if has alertmanager; then
    section alertmanager; docker exec alertmanager wget -qO- http://127.0.0.1:9093/api/v2/status; echo
fi
if has caddy; then
    section caddy; docker exec caddy wget -qO- http://127.0.0.1:2019/config/; echo
fi
for name in $DATABASES; do
    # From the container's own network address, so that the rules for remote clients apply
    section "$name no-password"; docker exec "$name" sh -c 'psql -w -h "$(hostname -i | cut -d" " -f1)" -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc "select 1"' 2>&1
    section "$name wrong-password"; docker exec -e PGPASSWORD=certainly-wrong "$name" sh -c 'psql -w -h "$(hostname -i | cut -d" " -f1)" -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc "select 1"' 2>&1
    section "$name hashes"; docker exec "$name" sh -c "psql -h /var/run/postgresql -U \"\$POSTGRES_USER\" -d \"\$POSTGRES_DB\" -Atc \"select rolname, rolpassword like 'SCRAM-SHA-256%' from pg_authid where rolcanlogin\"" 2>&1
    section "$name hba"; docker exec "$name" sh -c "psql -h /var/run/postgresql -U \"\$POSTGRES_USER\" -d \"\$POSTGRES_DB\" -Atc \"select type, address, auth_method from pg_hba_file_rules\"" 2>&1
done
for name in $QUEUES; do
    section "$name anonymous"; docker exec "$name" redis-cli ping 2>&1
done
if has s3; then
    section "s3 anonymous"; docker exec s3 sh -c 'RCLONE_CONFIG_ANON_TYPE=s3 RCLONE_CONFIG_ANON_PROVIDER=Rclone RCLONE_CONFIG_ANON_ENDPOINT=http://127.0.0.1:9000 rclone lsf --max-depth 1 --retries 1 --low-level-retries 1 --contimeout 3s anon: 2>&1 >/dev/null' | grep -oE 'AccessDenied|StatusCode: [0-9]+|Forbidden' | head -n 1
    # its own environment carries the remote "self" with the key
    section "s3 signed"; docker exec s3 rclone lsf --max-depth 1 --retries 1 --low-level-retries 1 --contimeout 3s self: >/dev/null 2>&1; echo $?
fi
if has grafana; then
    ask() { docker exec grafana sh -c "printf 'user = \"%s:%s\"' \"\$GF_SECURITY_ADMIN_USER\" \"\$(cat \"\$GF_SECURITY_ADMIN_PASSWORD__FILE\")\" | curl -s -K - http://127.0.0.1:3000$1"; echo; }
    section grafana-datasources; ask /api/datasources
    for uid in prometheus loki; do has "$uid" || continue; section "grafana-health $uid"; ask "/api/datasources/uid/$uid/health"; done
    section grafana-dashboards; ask '/api/search?type=dash-db'
fi
if has loki && has grafana; then
    # Grafana's container is on the network and has curl; Loki's own has nothing
    section loki-line
    now=$(date +%s)000000000
    docker exec grafana curl -s -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' --data "{\"streams\":[{\"stream\":{\"job\":\"verify\"},\"values\":[[\"$now\",\"estate verification $now\"]]}]}" http://loki:3100/loki/api/v1/push
    sleep 1
    docker exec grafana curl -sG http://loki:3100/loki/api/v1/query_range --data-urlencode 'query={job="verify"}' --data-urlencode "start=${now%000000000}" --data-urlencode "end=$(($(date +%s) + 5))" | grep -o "estate verification $now" | head -n 1
    section loki-shipped
    # whether there is a line, never the line: it may say anything
    docker exec grafana curl -sG http://loki:3100/loki/api/v1/query_range --data-urlencode 'query={job="containers"}' --data-urlencode "start=$(($(date +%s) - 600))" --data-urlencode limit=1 | grep -o '"job":"containers"' | head -n 1
fi
if has hl-grafana; then
    section hl-grafana-default; printf 'user = "admin:admin"' | docker exec -i hl-grafana curl -s -o /dev/null -w '%{http_code}\n' -K - http://127.0.0.1:3000/api/org
fi
if has couchdb; then
    section couchdb-default; printf 'user = "admin:password"' | curl -s -o /dev/null -w '%{http_code}\n' -K - http://127.0.0.1:5984/_all_dbs
fi
if has authentik-worker; then
    # The token goes through pipes only; how many events there are, never what they say
    ask() {
        docker exec authentik-worker printenv AUTHENTIK_BOOTSTRAP_TOKEN | sed 's/.*/header = "Authorization: Bearer &"/' |
            curl -s -K - "http://127.0.0.1:9000/api/v3$1"
    }
    section authentik-events; ask '/events/events/?page_size=1' | jq -r .pagination.count
    section authentik-retention; ask '/admin/settings/' | jq -r .event_retention
    section authentik-blueprints; ask '/managed/blueprints/?page_size=200' | jq -r '.results[] | "\(.name)\t\(.status)"'
fi
if has vaultwarden; then
    section vaultwarden; docker exec vaultwarden sh -c 'grep -oE "\"(admin_token|database_url)\"" /data/config.json 2>/dev/null'
fi
if has headscale; then
    section headscale; docker exec headscale headscale users list -o json 2>&1
fi
exit 0
