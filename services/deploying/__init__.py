"""From files to running deployments: read, check, apply, and say why it failed."""
