"""The plan as data: pure functions from what is wanted and what is there to a list of changes."""
