"""Where mirrored requests are visible, and whether two sources that count the same requests agree."""
