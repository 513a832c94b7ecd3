"""In which order documents are applied, and what is kept of each until then."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.azure import endpoints
from services.azure.connection import Connection
from services.deploying.model import Document, Kind
from services.errors import NotFound
from services.journal.entry import from_split


@dataclass(frozen=True)
class Item:
    """One document to apply. ``bare``: without its traffic, because the deployments in it are not there yet.

    ``targets`` are the deployments that its traffic names. ``replaces``: what failed when it was first made is deleted
    before, because Azure does not change it any more. ``exists``: an endpoint that is there already.
    """

    kind: Kind
    file: str
    name: str
    endpoint: str
    targets: tuple[str, ...] = ()
    bare: bool = False
    replaces: bool = False
    exists: bool = False

    @classmethod
    def of(cls, document: Document) -> Item:
        """What is kept of a document. azure-ai-ml writes all names in lower case."""
        content = document.content
        splits = (content.get("traffic"), content.get("mirror_traffic"))
        targets = [str(name).lower() for split in splits if isinstance(split, dict) for name in split if split[name]]
        is_endpoint = document.kind is Kind.ENDPOINT
        return cls(
            document.kind,
            document.file,
            document.name.lower(),
            document.endpoint.lower(),
            tuple(dict.fromkeys(targets)) if is_endpoint else (),
        )

    @property
    def resource(self) -> str:
        """``shop`` or ``shop/blue``."""
        return self.name if self.kind is Kind.ENDPOINT else f"{self.endpoint}/{self.name}"

    def path(self, conn: Connection) -> str:
        """ARM path of what it describes."""
        below = "" if self.kind is Kind.ENDPOINT else f"/deployments/{self.name}"
        return f"{conn.workspace_path}/onlineEndpoints/{self.endpoint}{below}"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.__dict__, "kind": self.kind.value, "targets": list(self.targets)}

    @classmethod
    def from_document(cls, content: dict[str, Any]) -> Item:
        """The item that :meth:`document` has written."""
        return cls(**{**content, "kind": Kind(content["kind"]), "targets": tuple(content["targets"])})


def ordered(conn: Connection, items: Sequence[Item]) -> list[Item]:
    """Endpoints, then deployments. An endpoint whose traffic names deployments that are not there yet comes after
    them, and before them without its traffic when it is new. Raises SluiceError when Azure cannot be asked."""
    first: list[Item] = []
    last: list[Item] = []
    for item in items:
        if item.kind is not Kind.ENDPOINT:
            continue
        there = _deployments(conn, item.endpoint)
        known = replace(item, exists=there is not None)
        if there is not None and set(item.targets) <= there:
            first.append(known)
            continue
        if there is None:
            first.append(replace(item, bare=True))
        if there is not None or item.targets:
            # By then it is there.
            last.append(replace(item, exists=True))
    return [*first, *(item for item in items if item.kind is Kind.DEPLOYMENT), *last]


def splits_of(conn: Connection, items: Sequence[Item]) -> dict[str, Any]:
    """The splits of the endpoints that are there, as JSON by name: what the documents may replace, and nothing that
    comes later. Raises SluiceError."""
    found = {}
    for name in {item.name for item in items if item.kind is Kind.ENDPOINT}:
        with contextlib.suppress(NotFound):
            found[name] = from_split(endpoints.get_endpoint(conn, name).split)
    return found


def _deployments(conn: Connection, endpoint: str) -> set[str] | None:
    """The deployments of an endpoint, None when there is no such endpoint."""
    try:
        return {each.name.lower() for each in endpoints.list_deployments(conn, endpoint)}
    except NotFound:
        return None
