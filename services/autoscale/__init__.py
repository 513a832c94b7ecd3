"""Autoscale settings of deployments: what they say, what is wrong with them, and ready-made rules."""
