"""What deployments take of the quota, what they cost, and which of them nobody uses."""
