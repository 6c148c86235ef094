"""Stand-in for RustDesk's relay."""

SOFTWARE = "RustDesk hbbr"
