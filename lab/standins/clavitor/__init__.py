"""Stand-in for the private Clavitor vault, a single Go binary: TLS, health, a small vault in SQLite, telemetry by push.

`build.py` makes one executable file of it, which runs on Debian's python3 alone; so nothing here may import what is not
in Python's standard library, `lab.standins.common` included.
"""

SOFTWARE = "Clavitor"
HEADER = "X-Estate-Lab-Stand-In"
