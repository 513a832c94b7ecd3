"""Changes of a setting that are not saved yet, kept on the disk and found again after a reload by a random id.

Kept are the switch and the profiles, which is what the page changes, as they are and as they were when the draft was
begun. The rest of a document, addresses of webhooks with their keys for example, is taken from Azure again.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.autoscale.rules import new_setting
from services.autoscale.settings import Setting

KEPT_SECONDS = 3 * 86_400.0
"""How long changes stay that nobody goes on with."""
_ID_BYTES = 16
_ID = re.compile(r"[0-9a-f]{32}")
_KEPT = ("enabled", "profiles")


@dataclass(frozen=True)
class Kept:
    """Unsaved changes: ``before`` is what the draft was begun from, None where there was no setting."""

    deployment_id: str
    at: datetime
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]

    def documents(self, held: Setting | None, location: str) -> tuple[Setting | None, dict[str, Any]]:
        """What the draft was begun from and the document to go on with, with the rest of what Azure holds now."""
        shell = new_setting(self.deployment_id, location, 1) if held is None else held.raw
        base = None if self.before is None else Setting.of(_with(shell, self.before))
        return base, _with(shell, self.after)


class Keeping:
    """The unsaved changes in ``folder``. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def new_id() -> str:
        """An id that nobody can guess: who knows it may see the changes."""
        return secrets.token_hex(_ID_BYTES)

    def save(
        self, kept_id: str, deployment_id: str, base: Setting | None, document: Mapping[str, Any], at: datetime
    ) -> None:
        """Keep changes as they are now. Raises OSError when the disk does not take it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = None if base is None else _part(base.raw)
        told = {
            "deployment": deployment_id,
            "at": at.timestamp(),
            "before": before,
            "after": _part(document),
        }
        path = self._path(kept_id)
        # Two tabs may write the same one.
        written = path.with_suffix(f".{secrets.token_hex(4)}")
        with open(written, "w", encoding="utf-8", opener=_private) as file:
            json.dump(told, file)
        os.replace(written, path)
        self._sweep(at.timestamp())

    def find(self, kept_id: str, deployment_id: str) -> Kept | None:
        """The changes with this id, if they are kept and of this deployment."""
        if not _ID.fullmatch(kept_id):
            return None
        try:
            told = json.loads(self._path(kept_id).read_text(encoding="utf-8"))
            found = Kept(
                str(told["deployment"]), datetime.fromtimestamp(told["at"], UTC), told["before"], dict(told["after"])
            )
        except (OSError, OverflowError, ValueError, KeyError, TypeError):
            return None
        return found if found.deployment_id.lower() == deployment_id.lower() else None

    def drop(self, kept_id: str) -> None:
        """Forget changes. Raises OSError."""
        if _ID.fullmatch(kept_id):
            self._path(kept_id).unlink(missing_ok=True)

    def _path(self, kept_id: str) -> Path:
        return self._folder / f"{kept_id}.json"

    def _sweep(self, now: float) -> None:
        for path in self._folder.glob("*"):
            with suppress(OSError):
                if path.stat().st_mtime < now - KEPT_SECONDS:
                    path.unlink()


def _part(document: Mapping[str, Any]) -> dict[str, Any]:
    properties = document["properties"]
    return {key: properties[key] for key in _KEPT if key in properties}


def _with(document: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in document["properties"].items() if key not in _KEPT}
    return {**document, "properties": {**rest, **part}}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
