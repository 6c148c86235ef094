#!/bin/sh
# Asks /alive on the port, and under the sub-path, which the server uses.
setting() {
	sed -n "s/^ *\"$1\": *\"\(.*\)\",\{0,1\} *\$/\1/p" "${DATA_FOLDER:-/data}/config.json" 2>/dev/null
}
domain="$(setting domain)"
domain="${domain:-${DOMAIN:-}}"
path="$(printf '%s' "${domain%/}" | sed -n 's|^[a-z]*://[^/]*\(/.*\)$|\1|p')"
exec curl --fail --silent --show-error "http://127.0.0.1:${ROCKET_PORT:-80}${path}/alive"
