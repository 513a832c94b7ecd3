"""Load on an endpoint, sent by a process of its own."""
