"""Uncommitted blocks: what has been uploaded of a blob before its block list comes."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from emulator.storage.errors import BlobError

KEPT_SECONDS = 7 * 86_400
"""Azure forgets uncommitted blocks a week after the last one came (reference of Put Block)."""
MAX_BLOCKS = 50_000
"""Blocks in a blob (reference of Put Block List)."""
# Base64 of at most 64 bytes.
_ID = re.compile(r"[A-Za-z0-9+/]{1,88}={0,2}")


class Blocks:
    """The blocks below a folder: a folder for each blob, a file for each block, named by its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, container: str, name: str, block: str, draft: Path) -> None:
        """Move a draft to where a block belongs. Raises :class:`BlobError` for an id that is none."""
        part = self.path(container, name, block)
        part.parent.mkdir(mode=0o700, exist_ok=True)
        draft.replace(part)

    def path(self, container: str, name: str, block: str) -> Path:
        """The file of a block; it need not be there. Raises :class:`BlobError` for an id that is none."""
        if not _ID.fullmatch(block) or len(block) > 88:
            raise BlobError(400, "InvalidQueryParameterValue", "The block id is not base64 of at most 64 bytes.")
        # The slash is the one letter of base64 that no file name can have.
        return self._of(container, name) / block.replace("/", "_")

    def listed(self, container: str, name: str) -> list[tuple[str, int]]:
        """Ids and lengths in bytes, by id."""
        folder = self._of(container, name)
        if not folder.is_dir():
            return []
        return sorted((path.name.replace("_", "/"), path.stat().st_size) for path in folder.iterdir())

    def clear(self, container: str, name: str) -> None:
        """Remove the blocks of a blob."""
        shutil.rmtree(self._of(container, name), ignore_errors=True)

    def forget(self, older_than: float) -> int:
        """Remove the blocks of blobs to which none came after the epoch second. Returns of how many blobs."""
        old = [each for each in self._folder.iterdir() if each.is_dir() and each.stat().st_mtime < older_than]
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)
        return len(old)

    def _of(self, container: str, name: str) -> Path:
        return self._folder / hashlib.sha256(f"{container}/{name}".encode()).hexdigest()
