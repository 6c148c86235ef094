#!/bin/bash
# Prepares an empty data directory as the official image documents it, then runs the server.
set -Eeuo pipefail

fail() {
	echo "docker-entrypoint: $*" >&2
	exit 1
}

# from_file NAME DEFAULT: sets NAME from itself, from the file NAME_FILE names, or to the default.
from_file() {
	local name="$1" file="$1_FILE" value="${2-}"
	[ -z "${!name-}" ] || [ -z "${!file-}" ] || fail "both $name and $file are set"
	if [ -n "${!name-}" ]; then
		value="${!name}"
	elif [ -n "${!file-}" ]; then
		value="$(<"${!file}")"
	fi
	export "$name=$value"
	unset "$file"
}

settings() {
	from_file POSTGRES_PASSWORD
	from_file POSTGRES_USER postgres
	from_file POSTGRES_DB "$POSTGRES_USER"
	from_file POSTGRES_INITDB_ARGS
	export POSTGRES_HOST_AUTH_METHOD="${POSTGRES_HOST_AUTH_METHOD:-}"
	if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
		fail "the data directory is empty and POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE) is not set"
	fi
}

create_cluster() {
	umask 0077
	mkdir -p "$PGDATA"
	local password
	password="$(mktemp)"
	printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
	# shellcheck disable=SC2086  # several arguments are allowed here
	initdb --username="$POSTGRES_USER" --pwfile="$password" $POSTGRES_INITDB_ARGS
	rm -f "$password"
	local method="${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption "$@")}"
	printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
	printf '%s\n' "listen_addresses = '*'" "unix_socket_directories = '/var/run/postgresql'" \
		>>"$PGDATA/postgresql.conf"
}

query() {
	PGPASSWORD="$POSTGRES_PASSWORD" psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password \
		--username "$POSTGRES_USER" "$@"
}

run_init_files() {
	local file
	for file in /docker-entrypoint-initdb.d/*; do
		case "$file" in
		*.sh)
			echo "docker-entrypoint: running $file"
			if [ -x "$file" ]; then "$file"; else . "$file"; fi
			;;
		*.sql) echo "docker-entrypoint: running $file" && query --dbname "$POSTGRES_DB" -f "$file" ;;
		*.sql.gz) echo "docker-entrypoint: running $file" && gunzip -c "$file" | query --dbname "$POSTGRES_DB" ;;
		/docker-entrypoint-initdb.d/\*) ;;
		*) echo "docker-entrypoint: ignoring $file" ;;
		esac
	done
}

# The temporary server listens on the socket only, so that no client is let in too early.
initialise() {
	settings
	create_cluster "$@"
	pg_ctl --pgdata "$PGDATA" --wait --silent --options "-c listen_addresses=''" start
	if [ "$POSTGRES_DB" != postgres ]; then
		query --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
	fi
	run_init_files
	pg_ctl --pgdata "$PGDATA" --mode fast --wait --silent stop
	echo "docker-entrypoint: the new cluster is ready"
}

case "${1:-}" in -*) set -- postgres "$@" ;; esac

if [ "${1:-}" = postgres ]; then
	if [ "$(id -u)" = 0 ]; then
		mkdir -p "$PGDATA" /var/run/postgresql
		chown -R postgres:postgres "$PGDATA" /var/run/postgresql
		chmod 0700 "$PGDATA"
		exec setpriv --reuid=postgres --regid=postgres --init-groups "$BASH_SOURCE" "$@"
	fi
	if [ -s "$PGDATA/PG_VERSION" ]; then
		echo "docker-entrypoint: the data directory is in use already; no initialisation"
	else
		initialise "${@:2}"
	fi
fi
exec "$@"
