"""The state folder: what lies where, who may read it, and the lock that keeps a second server out."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from emulator.errors import StartError


@dataclass(frozen=True)
class Secrets:
    """What must not be guessed, and the ids that must stay the same over restarts."""

    signing_key: str
    storage_key: str
    control_secret: str
    owner_header: str
    reader_header: str
    owner_id: str
    reader_id: str
    tenant_id: str
    log_workspace_id: str

    @staticmethod
    def fresh() -> Secrets:
        """New random values."""
        return Secrets(
            **{
                name: secrets.token_hex(32)
                for name in ("signing_key", "storage_key", "control_secret", "owner_header", "reader_header")
            },
            **{name: str(uuid.uuid4()) for name in ("owner_id", "reader_id", "tenant_id", "log_workspace_id")},
        )


_MARKS = {"secrets.json", "server.lock"}
_WRITTEN_BEFORE = {"tls", "blobs", "server.log", "demo.log"}
"""What may be there before the marks are: a log is opened before the server starts."""


class StateFolder:
    """One local Azure's files. The folder is 0700, files with secrets are 0600."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.environment = self.root / "azure.env"
        self.tls = self.root / "tls"
        self.blobs = self.root / "blobs"
        self.control_database = self.root / "control.db"
        self.telemetry_database = self.root / "telemetry.db"
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Make the folder and take its lock.

        Raises :class:`StartError` when it cannot be written, holds something else, or another server uses it.
        """
        self._check_is_ours()
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for folder in (self.tls, self.blobs):
                folder.mkdir(mode=0o700, exist_ok=True)
            lock = (self.root / "server.lock").open("a+")
        except OSError as error:
            raise StartError(f"The state folder {self.root} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StartError(
                f"The state folder {self.root} is in use by another local Azure; stop that one or choose another folder"
                " with --state."
            ) from error
        self._lock = lock

    def _check_is_ours(self) -> None:
        """A folder with other things in it is left as it is: it would be closed to everybody else."""
        try:
            names = {path.name for path in self.root.iterdir()}
        except OSError:
            return
        if names - _WRITTEN_BEFORE and not names & _MARKS:
            raise StartError(
                f"The folder {self.root} has other things in it and is not the state of a local Azure; name an empty or"
                " a new folder with --state."
            )

    def clear(self) -> None:
        """Remove what clients have made. Secrets, certificates and built environments stay. Nothing may be open."""
        for path in self.root.glob("*.db*"):
            path.unlink()
        for folder in (self.blobs, self.root / "deployments", self.root / "collected"):
            shutil.rmtree(folder, ignore_errors=True)
        self.blobs.mkdir(mode=0o700)

    def close(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secrets(self) -> Secrets:
        """The secrets of this folder, made on first use.

        Raises :class:`StartError` when the file is there and cannot be read.
        """
        path = self.root / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps(asdict(Secrets.fresh()), indent=2))
        try:
            return Secrets(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise StartError(f"{path} cannot be read; delete the state folder to start afresh.") from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step: a reader sees the old text or the new."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
