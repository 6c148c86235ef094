"""What can be declared: frozen pydantic models, free of pyinfra, network, clock and randomness."""
