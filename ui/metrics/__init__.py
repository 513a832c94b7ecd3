"""The Metrics page: its controls, key figures and charts."""
