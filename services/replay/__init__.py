"""The same requests to two deployments, and what their answers differ in."""
