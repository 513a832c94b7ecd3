"""Instances: processes that run a deployment, from their files to their end."""
