"""Whether a fragment runs by itself, or is drawn together with its page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Turns:
    """Counts how often a fragment has run; make a new one for each drawing of the page, and hand it to the fragment.

    A fragment that asks for the page again while the page is being drawn swallows the press of a button that the page
    is being drawn for. So it may only ask when it runs by itself.
    """

    count: int = 0

    def is_by_itself(self) -> bool:
        """Count one run; False for the first, which belongs to the page."""
        self.count += 1
        return self.count > 1
