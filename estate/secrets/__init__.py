"""Secrets: where values come from, how they are made, and how they stay out of every output."""
