"""Changing a split: plan it, judge it beforehand, apply it, read it back, remember it, and see whether it is so."""
