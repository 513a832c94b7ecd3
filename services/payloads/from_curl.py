"""A payload out of a curl command, as browsers, Studio and people write it."""

from __future__ import annotations

from services.payloads.imported import Imported


def from_curl(text: str, scoring_uri: str = "", name: str = "Imported") -> Imported:
    """The request of a curl command. What is not imported (keys, addresses, files) is said in its notes or problems."""
    return Imported()
