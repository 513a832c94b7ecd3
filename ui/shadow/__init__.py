"""Shadow tests on screen."""
