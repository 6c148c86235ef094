"""Verification: what a host is asked, in one script, and how its answer is read."""
