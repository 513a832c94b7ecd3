"""The only place that imports azure.*: one module per Azure surface."""
