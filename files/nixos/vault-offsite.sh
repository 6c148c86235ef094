# Copies what the push bridge keeps, and looks whether it is there; `estate edge status` tells when that failed.
set -euo pipefail
# The configuration of the remote comes from the environment alone: a file would be another place for the key.
copies() {
    rclone "$@" --config "" --filter '+ /*/*.age' --filter '- *' --log-level NOTICE --contimeout 15s --timeout 2m \
        --low-level-retries 3
}
mkdir -p "$STATE_DIRECTORY/backups"
# One that is there under its name and is another was damaged here or there: neither is replaced, and this fails.
copies copy --immutable --retries 3 --retries-sleep 20s "$STATE_DIRECTORY/backups" "$OFFSITE_TARGET"
# By the hashes that the store has; a file that the bridge drops meanwhile is not asked for.
copies check --one-way "$STATE_DIRECTORY/backups" "$OFFSITE_TARGET"
