"""Deployments tried out on a local Azure of their own before anything touches the cloud."""
