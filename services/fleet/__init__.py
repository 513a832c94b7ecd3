"""The endpoints of many workspaces, what they did lately, and which of them need attention."""
