"""What a deploy costs: remote commands a host, and wall time near and far, beside Ansible (docs/performance.md)."""
