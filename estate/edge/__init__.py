"""The edge fleet: what follows from the list of its nodes (pure)."""
