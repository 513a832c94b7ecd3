"""The Traffic page: prepare a split, judge it, apply it, and see whether it is so."""
