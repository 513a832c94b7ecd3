"""Every change of an endpoint's split, ours and other people's, kept for good."""
