"""Stand-in for cAdvisor: the containers' own figures from their cgroups and Docker's files."""

SOFTWARE = "cAdvisor"
VERSION = "v0.60.5"
