"""A control plane's context with real documents and settings, and nothing that runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from emulator.arm.context import Context
from emulator.documents import Documents
from emulator.faults import FaultBook
from emulator.resources import Addresses, Place
from emulator.settings import SettingsStore
from emulator.state import Secrets
from emulator.storage.blobs import BlobStore

HOME = Place("00000000-0000-0000-0000-00000000510c", "sluice-local", "local", "westeurope")
NOW = 1_790_000_000.0


@contextmanager
def control_context(folder: Path, now: Callable[[], float] = lambda: NOW) -> Iterator[Context]:
    """A context whose documents and blobs lie in `folder`. What belongs to the scoring plane is None."""
    documents = Documents(folder / "control.db")
    wanted: dict[str, Any] = {
        "home": HOME,
        "addresses": Addresses(1, 2, 3),
        "secrets": Secrets.fresh(),
        "documents": documents,
        "settings": SettingsStore(documents),
        "faults": FaultBook(random.Random(1)),
        "blobs": BlobStore(folder / "blobs", documents),
        "now": now,
    }
    yield Context(**({field.name: None for field in fields(Context)} | wanted))
    documents.close()
