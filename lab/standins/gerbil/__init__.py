"""Stand-in for Gerbil: the server's end of the tunnels, and an address in it for every target."""

SOFTWARE = "Gerbil"
