"""Lab stand-ins: small servers under the names of software which no package registry has."""
