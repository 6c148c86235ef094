"""pyinfra deploys, one module a task: they hand what was rendered to operations."""
