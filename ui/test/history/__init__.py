"""What was sent, opened again and laid side by side."""
