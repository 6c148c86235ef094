"""Stand-in for the private Hermes research API: health, token check, canned and labelled answers."""

SOFTWARE = "Hermes API"
VERSION = "v0.7.1"
