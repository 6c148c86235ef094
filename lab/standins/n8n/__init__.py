"""Stand-in for n8n: its settings, database and encryption key as the real one holds them; no workflow runs."""

SOFTWARE = "n8n"
VERSION = "2.41.3"
