#!/bin/bash
# As the official image's: the administrator of the environment goes into local.d/docker.ini; without one it ends.
set -e
local=/opt/couchdb/etc/local.d
touch "$local/docker.ini"
if [ -n "$COUCHDB_USER" ] && [ -n "$COUCHDB_PASSWORD" ] && ! grep -qrs "^$COUCHDB_USER =" "$local"; then
    printf '\n[admins]\n%s = %s\n' "$COUCHDB_USER" "$COUCHDB_PASSWORD" >>"$local/docker.ini"
fi
if ! grep -qrs '^\[admins\]' "$local" /opt/couchdb/etc/default.d; then
    echo 'ERROR: CouchDB 3.0+ will no longer run in "Admin Party" mode.' >&2
    exit 1
fi
exec "$@"
