"""Python environments of deployments, built from what their files ask for."""
