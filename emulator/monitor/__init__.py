"""Azure Monitor: metrics computed from the rows the gateway wrote."""
