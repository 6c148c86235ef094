# Succeeds when the role of a database can log in with the declared password, owns it, and nobody else may connect.
# Reads NAME PASSWORD_FILE PORT.
export LC_ALL=C PGCONNECT_TIMEOUT=5
[ -r "$PASSWORD_FILE" ] && command -v psql >/dev/null || exit 1
query="select pg_encoding_to_char(encoding), pg_get_userbyid(datdba),
    exists (select from aclexplode(datacl) where grantee = 0 and privilege_type = 'CONNECT'), datacl is null
    from pg_database where datname = current_database()"
found=$(PGPASSWORD=$(cat "$PASSWORD_FILE") psql -wqtAX -h 127.0.0.1 -p "$PORT" -U "$NAME" -d "$NAME" -c "$query" 2>/dev/null)
[ "$found" = "UTF8|$NAME|f|f" ]
