"""Autoscale settings: what may be written, which profile is in force, and what to do about the metrics. All pure."""
