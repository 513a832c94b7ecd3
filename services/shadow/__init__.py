"""Shadow tests: which minutes of two deployments are compared, runs with a fixed start, and their reports."""
