#!/bin/sh
# `-x` and `x.conf` are arguments of redis-server; files are readable by their owner only.
set -e
case "$1" in
-* | *.conf) set -- redis-server "$@" ;;
esac
umask 0077
exec "$@"
