"""What can be sent to an endpoint: its library, the history, templates, variables, import and export."""
