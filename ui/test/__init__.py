"""The Test page: send, answer, payloads, history, comparison and load."""
