"""Stand-in for Traefik: its configuration files, carried out by Caddy."""

SOFTWARE = "Traefik"
