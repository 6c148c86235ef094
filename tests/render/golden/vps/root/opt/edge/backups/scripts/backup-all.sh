#!/bin/sh
# Backs everything up now: backup-all.sh [daily|weekly|manual|pre-migration]. The seed's name for it; it holds no credentials.
exec /opt/edge/backups/scripts/estate-backup run --kind "${1:-manual}"
