"""Infisical and the sealed copy at work: reading, setting up, rotating."""
