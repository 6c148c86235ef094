# Prints what is there of everything that a task manages, a tab-separated line an item:
# P packages, U accounts, M the manifest of the last sync, F and X paths, S units, K sysctl, H stamps, C containers.
# Reads the variables TASK PACKAGES ACCOUNTS PATHS UNITS KEYS STAMPS PROJECT and the function probes.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
state=/var/lib/estate
if [ -n "$PACKAGES" ]; then
    dpkg-query -W -f 'P\t${Package}\t${db:Status-Abbrev}\n' $PACKAGES 2>/dev/null
fi
for account in $ACCOUNTS; do
    if entry=$(getent passwd "$account"); then
        printf 'U\t%s\t%s\n' "$entry" "$(id -nG "$account")"
    fi
done
known=
if [ -f "$state/trees/$TASK" ]; then
    sed 's/^/M\t/' "$state/trees/$TASK"
    known=$(cut -f1 "$state/trees/$TASK")
fi
all=$(printf '%s\n' $PATHS $known | sort -u)
if [ -n "$all" ]; then
    printf '%s\n' "$all" | xargs stat --printf 'F\t%n\t%F\t%a\t%U\t%u\t%G\t%g\n' 2>/dev/null
    printf '%s\n' "$all" | xargs sha256sum 2>/dev/null | sed 's/^\([0-9a-f]*\)  /X\t\1\t/'
fi
if [ -n "$UNITS" ]; then
    for unit in $UNITS; do
        printf 'S\t%s' "$unit"
        systemctl show --property=UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic "$unit" 2>/dev/null |
            tr '\n' '\t' | sed 's/^/\t/'
        printf '\n'
    done
fi
for key in $KEYS; do
    file=/proc/sys/$(printf '%s' "$key" | tr . /)
    if [ -r "$file" ]; then
        printf 'K\t%s\t%s\n' "$key" "$(tr '\t' ' ' <"$file")"
    fi
done
for stamp in $STAMPS; do
    if [ -f "$state/applied/$stamp" ]; then
        printf 'H\t%s\t%s\n' "$stamp" "$(cat "$state/applied/$stamp")"
    fi
done
probes
if [ -n "$PROJECT" ] && command -v docker >/dev/null; then
    # One-off containers of an operator are no part of the project; a second one that a cut-off deploy left is
    docker ps -a --no-trunc --filter "label=com.docker.compose.project=$PROJECT" --format '{{.ID}} {{.Label "com.docker.compose.oneoff"}} {{.Label "estate.next"}}' 2>/dev/null | awk '$2 != "True" || $3 == "true" {print $1}' | xargs -r docker inspect --format 'C	{"name":{{json .Name}},"service":{{if index .Config.Labels "estate.next"}}""{{else}}{{json (index .Config.Labels "com.docker.compose.service")}}{{end}},"image":{{json .Config.Image}},"status":{{json .State.Status}},"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},"inputs":{{json (index .Config.Labels "estate.inputs")}}}' 2>/dev/null
fi
exit 0
