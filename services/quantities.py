"""Quantities in words that cards, files and pages share."""

from __future__ import annotations


def size(count_of_bytes: int) -> str:
    """A number of bytes: ``92 bytes``, ``1.2 kB``, ``20.0 MB`` (powers of ten, as Azure's limits are)."""
    if count_of_bytes < 1000:
        return f"{count_of_bytes} byte{'' if count_of_bytes == 1 else 's'}"
    if count_of_bytes < 999_950:
        return f"{count_of_bytes / 1000:.1f} kB"
    return f"{count_of_bytes / 1_000_000:.1f} MB"
