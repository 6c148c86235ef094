# Makes a role and the database that it owns what was declared; what is in the database is left alone.
# Reads NAME PASSWORD_FILE CLUSTER LOCALE PORT. The password goes through standard input, never through an argument.
set -eu
export LC_ALL=C
pg_isready -q -p "$PORT" || systemctl start "postgresql@$CLUSTER"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    pg_isready -q -p "$PORT" && break
    sleep 1
done
ask() { runuser -u postgres -- psql -wqtAX -v ON_ERROR_STOP=1 -p "$PORT" -d postgres "$@"; }
{
    # A statement that fails would be logged with its text, and the text holds the password
    echo "set log_min_error_statement = panic; set log_min_duration_statement = -1; set log_statement = none;"
    echo "select 'create role $NAME' where not exists (select from pg_roles where rolname = '$NAME') \\gexec"
    printf "alter role $NAME with login nosuperuser nocreatedb nocreaterole noreplication password '%s';\n" \
        "$(sed "s/'/''/g" "$PASSWORD_FILE")"
} | ask
# Of template0, as another encoding than template1's is refused otherwise
ask <<EOF
select format('create database %I owner %I template template0 encoding %L lc_collate %L lc_ctype %L',
    '$NAME', '$NAME', 'UTF8', '$LOCALE', '$LOCALE')
where not exists (select from pg_database where datname = '$NAME') \gexec
EOF
encoding=$(ask -c "select pg_encoding_to_char(encoding) from pg_database where datname = '$NAME'")
[ "$encoding" = UTF8 ] || {
    echo "database $NAME exists with encoding $encoding: dump it, drop it, and run the deploy again" >&2
    exit 1
}
ask <<EOF
alter database $NAME owner to $NAME;
revoke connect, temporary on database $NAME from public;
revoke connect on database postgres from public;
EOF
