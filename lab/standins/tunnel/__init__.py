"""What Gerbil's and Newt's stand-ins share: a tunnel over QUIC on Gerbil's UDP port, in WireGuard's place."""
