"""What happened, kept: requests, measurements and events, written by several processes into one database."""
