"""One request to an endpoint: what is sent, how, and what the answer means."""
