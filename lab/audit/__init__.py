"""Measures what the deploy made of the lab: lynis, ssh-audit, the CIS sections on Docker, secrets, open ports."""
