"""Sample requests kept beside the endpoint definitions."""

from __future__ import annotations

from pathlib import Path


def sample_for(endpoint_name: str, samples_dir: Path) -> str | None:
    """The text of ``sample-request.json`` beside the YAML file whose ``name`` is ``endpoint_name``; None without one.

    Files that cannot be read or parsed are passed over: a broken sample must not take the test page away.
    """
    raise NotImplementedError
