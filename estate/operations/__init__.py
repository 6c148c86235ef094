"""Custom operations: coarse ones, each with the fact of the same task behind it."""
