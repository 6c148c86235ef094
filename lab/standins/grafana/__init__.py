"""Stand-in for Grafana: provisioning with its refusals, and the HTTP API which the estate uses."""

SOFTWARE = "Grafana"
VERSION = "13.2.0"
