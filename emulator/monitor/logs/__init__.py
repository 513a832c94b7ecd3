"""Log Analytics: the query API, and the three tables of online endpoints."""
