"""Stand-in for Headscale: configuration refusals, REST v1 and CLI; no node can register."""

SOFTWARE = "Headscale"
VERSION = "v0.29.2"
