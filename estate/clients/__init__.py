"""HTTP clients of the APIs that the estate uses."""
