# A copy of the running database, found whole: $copy. JOB names the caller's own work directory.
set -euo pipefail
umask 077
database=$STATE_DIRECTORY/clavitor.db
work=$STATE_DIRECTORY/.$JOB
copy=$work/clavitor.db
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT

# the copy, its encrypted twin, and something to live on
size=$(stat --format %s "$database")
free=$(df --block-size 1 --output=avail "$STATE_DIRECTORY" | tail -n 1)
if [ "$free" -lt $((2 * size + 67108864)) ]; then
    echo "$free bytes are free, which is not enough for a copy of $size bytes" >&2
    exit 1
fi

# -readonly: a database that is not there would be made, empty, and pass for whole
sqlite3 -readonly "$database" '.timeout 5000' ".backup '$copy'"
# the text counts: sqlite3 ends well on an index that does not match its table
verdict=$(sqlite3 -readonly "$copy" 'PRAGMA integrity_check(10)' 2>&1) || verdict="not readable: $verdict"
tables=$(sqlite3 -readonly "$copy" "SELECT count(*) FROM sqlite_master WHERE type = 'table'" 2>/dev/null) || tables=0
if [ "$verdict" = ok ] && [ "$tables" = 0 ]; then
    verdict="no tables"
fi
