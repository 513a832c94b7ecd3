"""What is written down about requests and containers: read, put in order, and asked questions."""
