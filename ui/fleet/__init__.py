"""The list of endpoints of one workspace, another one, or all."""
