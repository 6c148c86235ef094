"""Estate: one pyinfra codebase that deploys and verifies a whole self-hosted estate over SSH."""
