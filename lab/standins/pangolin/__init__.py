"""Stand-in for Pangolin: setup, sites, blueprints and what Traefik and Gerbil are told."""

SOFTWARE = "Pangolin"
VERSION = "1.23.0"
