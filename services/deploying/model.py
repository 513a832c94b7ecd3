"""The values of a deploy: files, the documents in them, what checks find, and how far a job is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from services.model import WorkspaceRef

FieldPath: TypeAlias = "tuple[str | int, ...]"
"""Where a value is in a document: ("code_configuration", "code")."""


class Level(StrEnum):
    """How much a finding matters: an error would fail, a warning may surprise, a note explains."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Place:
    """A place in the files: ``file`` is relative to their root, ``line`` counts from 1, 0 is the whole file."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Finding:
    """What a check found. ``code`` is stable, like ``name-too-long``; ``what``, ``why``, ``fix`` are for a person."""

    level: Level
    code: str
    place: Place
    what: str
    why: str
    fix: str


class Kind(StrEnum):
    """What a document describes."""

    ENDPOINT = "endpoint"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True)
class Document:
    """One YAML document of the CLI's schema. ``lines`` says for each of its fields in which line it begins."""

    kind: Kind
    file: str
    content: Mapping[str, Any]
    lines: Mapping[FieldPath, int] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The name of what it describes; "" when it gives none."""
        return str(self.content.get("name") or "")

    @property
    def endpoint(self) -> str:
        """The endpoint that it describes or belongs to; "" when it names none."""
        return self.name if self.kind is Kind.ENDPOINT else str(self.content.get("endpoint_name") or "")

    def place(self, *path: str | int) -> Place:
        """Where a field is, or the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return Place(self.file, self.lines.get(path, 0))


@dataclass(frozen=True)
class Bundle:
    """Files in a private folder of their own, and the documents among them in the order in which they are applied:
    endpoints first. ``findings`` say what could not be read."""

    folder: Path
    files: tuple[str, ...]
    documents: tuple[Document, ...]
    findings: tuple[Finding, ...] = ()


class Phase(StrEnum):
    """The phases of a job, in their order. A job has only those that it needs."""

    UPLOAD = "upload"
    REGISTER = "register"
    BUILD = "image build"
    PROVISION = "provision"
    PROBES = "probes"
    READY = "ready"
    WRITE = "write"
    DELETE = "delete"


class JobState(StrEnum):
    """How far a job is. UNKNOWN: Sluice was away, and Azure does not tell what became of it."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens."""
        return self is not JobState.RUNNING


@dataclass(frozen=True)
class Step:
    """One phase of one resource. ``ended_at`` is None while it runs; ``detail`` is a few words: bytes, a name."""

    resource: str
    phase: Phase
    began_at: datetime
    ended_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True)
class Cause:
    """Why something failed: the cause in a sentence, the line that proves it and where that line is from, and what to
    do. Without ``proof`` it follows from Azure's error code alone."""

    code: str
    cause: str
    proof: str
    source: str
    fix: str


@dataclass(frozen=True)
class Evidence:
    """What is known of a failure: Azure's error ``code`` and ``message``, the container's logs, and the phase."""

    code: str
    message: str
    log: str = ""
    storage_log: str = ""
    phase: Phase | None = None


@dataclass(frozen=True)
class Job:
    """One thing that Sluice does to an endpoint's resources and that takes time.

    ``action`` is a verb for people ("deploy", "scale", "delete"), ``title`` a short sentence. ``endpoint`` and
    ``deployment`` are names, ``deployment`` is "" when it is about the endpoint. ``failure`` is what a person is told
    (what, why, next step), ``causes`` the most likely one first. ``person`` is the user of this machine, ``principal``
    who they are in Azure. ``plan`` are the phases that a deploy is expected to have, as resource and phase in their
    order. ``stuck`` is a deployment (``shop/blue``) that this job has tried to make and that Azure does not change any
    more: it has to be deleted before it can be made again.
    """

    id: str
    cloud: str
    workspace: WorkspaceRef
    endpoint: str
    deployment: str
    action: str
    title: str
    state: JobState
    began_at: datetime
    ended_at: datetime | None = None
    steps: tuple[Step, ...] = ()
    failure: tuple[str, str, str] | None = None
    request_id: str = ""
    causes: tuple[Cause, ...] = ()
    person: str = ""
    principal: str = ""
    plan: tuple[tuple[str, Phase], ...] = ()
    stuck: str = ""

    @property
    def who(self) -> str:
        """Who has begun it: their name in Azure, and behind it the user of this machine. "" when neither is known."""
        if self.principal and self.person:
            return f"{self.principal} ({self.person} on this machine)"
        return self.principal or self.person
