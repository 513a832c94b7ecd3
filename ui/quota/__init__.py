"""The Quota page: cores used and free, what deployments cost, and which of them nobody uses."""
