"""Changes of a running endpoint: what to change, the question before it, and how far it is."""
