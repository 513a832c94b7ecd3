"""Write a request and send it: once, many times, or to two deployments."""
