"""Throws away what the Deploy page does not need any more, in the background: a model is large.

What a running job or a trial reads stays. When nobody can say what they read, everything stays.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from pathlib import Path

from services.deploying.drafts import Drafts, read_by_jobs
from services.deploying.inbox import Inbox
from services.errors import SluiceError
from ui import context
from ui.deploy.trials import trials

EVERY_SECONDS = 3600.0
_log = logging.getLogger("sluice.ui")
_lock = threading.Lock()
_begun: dict[Path, float] = {}


def begin(store: Drafts, inbox: Inbox) -> None:
    """Sweep in the background, once in :data:`EVERY_SECONDS` at most."""
    with _lock:
        if time.monotonic() - _begun.get(store.root, -EVERY_SECONDS) < EVERY_SECONDS:
            return
        _begun[store.root] = time.monotonic()
    threading.Thread(target=_sweep, args=(store, inbox), name="deploy-sweep", daemon=True).start()


def _sweep(store: Drafts, inbox: Inbox) -> None:
    try:
        store.sweep(inbox, in_use, time.time())
    except SluiceError as error:
        _log.warning("Old drafts were not thrown away: %s", error)
    except Exception:
        # Runs in a thread of its own: the log is the only place where anybody would hear of it.
        _log.exception("Old drafts could not be thrown away")


def in_use() -> Collection[Path]:
    """The folders that running jobs of any cloud, and the trial, read. Raises NotConfigured, StoreFailed."""
    trial = trials().newest
    return read_by_jobs(context.store()) | ({trial.order.folder} if trial else set())


def throw_away(store: Drafts, folder: Path) -> None:
    """Delete the copy that an earlier reading has made, unless something reads it."""
    try:
        store.throw_away(folder, in_use())
    except SluiceError as error:
        _log.warning("Files of an earlier reading were not thrown away: %s", error)
