"""The edge fleet: what is derived from its declaration."""
