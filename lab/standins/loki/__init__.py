"""Stand-in for Loki: push, labels and a subset of LogQL over SQLite."""

SOFTWARE = "Loki"
VERSION = "3.7.6"
