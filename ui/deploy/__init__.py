"""The Deploy page: files in, what speaks against them, what they change, and the job that applies them."""
