#!/bin/sh
# Tells Alertmanager that a unit of the backups failed: also when it was killed and could not do so itself.
unit=${1%.service}
echo "$unit failed: journalctl -u $unit -e" >&2
docker exec alertmanager amtool alert add --alertmanager.url=http://127.0.0.1:9093 \
    --start="$(date -u +%Y-%m-%dT%H:%M:%SZ)" --end="$(date -u -d '+24 hours' +%Y-%m-%dT%H:%M:%SZ)" \
    --annotation="summary=\"$unit failed\"" \
    --annotation="action=\"journalctl -u $unit -e; then /opt/prodg/backups/scripts/estate-backup status.\"" \
    alertname=BackupFailed severity=critical service=backups host=mainframe "unit=\"$unit\""
