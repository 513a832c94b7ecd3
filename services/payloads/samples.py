"""Sample requests kept beside the endpoint definitions."""

from __future__ import annotations

from pathlib import Path

import yaml

SAMPLE_FILE = "sample-request.json"


def sample_for(endpoint_name: str, samples_dir: Path) -> str | None:
    """The text of ``sample-request.json`` beside the YAML file whose ``name`` is ``endpoint_name``; None without one.

    Files that cannot be read or parsed are passed over: a broken sample must not take the test page away.
    """
    for definition in sorted([*samples_dir.glob("**/*.yml"), *samples_dir.glob("**/*.yaml")]):
        if _name_in(definition) == endpoint_name:
            sample = _text_of(definition.parent / SAMPLE_FILE)
            if sample is not None:
                return sample
    return None


def _name_in(definition: Path) -> str | None:
    """The endpoint that a YAML file defines. A deployment's file has a ``name`` too, and says whose it is."""
    try:
        document = yaml.safe_load(_text_of(definition) or "")
    except yaml.YAMLError:
        return None
    if not isinstance(document, dict) or "endpoint_name" in document:
        return None
    return str(document.get("name")).lower()


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
