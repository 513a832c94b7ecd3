"""One endpoint: what it is, its deployments, files, keys and programs."""
