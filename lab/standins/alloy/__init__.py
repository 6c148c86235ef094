"""Stand-in for Grafana Alloy: reads its configuration language and ships files' lines to Loki."""

SOFTWARE = "Grafana Alloy"
VERSION = "v1.18.0"
