"""Access tokens, and the managed-identity endpoint that hands them out."""
