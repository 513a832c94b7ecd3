"""The Autoscale page: the setting of a deployment, what is wrong with it, and what it did."""
