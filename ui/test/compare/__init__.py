"""The same requests to two deployments, on screen."""
