#!/bin/sh
# Tells Alertmanager that a unit of the backups failed: also when it was killed and could not do so itself.
unit=${1%.service}
echo "$unit failed: journalctl -u $unit -e" >&2
