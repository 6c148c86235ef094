# Keeps the newest GENERATIONS of the system, the current one among them, and what is newer than the current one.
set -euo pipefail
profile=/nix/var/nix/profiles/system
[ -e "$profile" ] || exit 0
nix-env --profile "$profile" --delete-generations "+$GENERATIONS"
nix-collect-garbage
# the boot menu still names what has gone
"$profile/bin/switch-to-configuration" boot
