"""One endpoint or deployment as files, programs, and side by side with another."""
