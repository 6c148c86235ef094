"""`estate edge`: the fleet's machines, keys, rollouts and state."""
