"""Custom facts: what a host is like, read in one remote command a task."""
