# What is here stays as it is; the bridge drops what is too much when the next one comes.
set -euo pipefail
rclone copy --config "" --immutable --filter '+ /*/*.age' --filter '- *' --log-level NOTICE --contimeout 15s \
    --timeout 2m "$OFFSITE_TARGET" "$STATE_DIRECTORY/backups"
