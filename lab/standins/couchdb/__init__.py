"""Stand-in for CouchDB: its HTTP protocol as far as LiveSync's replication asks for it, over SQLite."""

SOFTWARE = "CouchDB"
VERSION = "3.5.2"
