"""Stand-in for RustDesk's ID server."""

SOFTWARE = "RustDesk hbbs"
