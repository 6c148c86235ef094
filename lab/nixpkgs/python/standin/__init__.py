"""What the lab's NixOS stand-in does on a host: builds, switches to and boots generations."""
