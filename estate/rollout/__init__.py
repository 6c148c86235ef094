"""What the controller does with edge nodes outside of a deploy: first boot, keys, status, rollback."""
