"""Stand-in for Newt: the homelab's end of the tunnel."""

SOFTWARE = "Newt"
