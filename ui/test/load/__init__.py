"""Load tests on screen: form, live picture, results."""
