"""The setting that a person is editing: one for each deployment, in the session and, while unsaved, on the disk.

A draft holds the document that Azure had when it was begun. Without a change of the person it follows Azure. What is
not saved yet is found again after a reload by the id in the address.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from services.autoscale import editing
from services.autoscale.comparing import lost
from services.autoscale.keeping import Keeping
from services.autoscale.settings import Setting
from services.azure.autoscale import is_same, writable
from services.model import Deployment
from ui import context

PARAMETER = "unsaved"
_FOLDER = "autoscale"
_log = logging.getLogger("sluice.ui")


@dataclass(frozen=True)
class Draft:
    """``base`` is what Azure held when the draft was begun, None when it had no setting. ``document`` is what would be
    written, None while there is nothing to write. ``revision`` grows with each change, for the keys of the fields.
    ``id`` is the one on the disk, and ``kept_at`` tells when a draft was kept that was found again there."""

    base: Setting | None
    document: Mapping[str, Any] | None
    revision: int = 0
    id: str = ""
    kept_at: datetime | None = None

    @property
    def is_touched(self) -> bool:
        """Whether writing it would change something."""
        if self.document is None:
            return False
        return self.base is None or writable(self.document) != writable(self.base.raw)

    @property
    def changes(self) -> tuple[editing.Change, ...]:
        """What writing it would change, line by line."""
        if self.document is None:
            return ()
        return editing.changes(None if self.base is None else self.base.raw, self.document)


def of(deployment: Deployment, held: Setting | None, location: str) -> Draft:
    """The draft of a deployment in the region ``location``, begun anew from what Azure holds when the person has
    changed nothing, or when Azure has all of it by now."""
    kept: Draft | None = st.session_state.get(_key(deployment)) or _found(deployment, held, location)
    if kept is None or not (_agree(kept.base, held) or (kept.is_touched and not _is_there(kept, held))):
        kept = _put(deployment, Draft(held, None if held is None else held.raw), kept)
    st.session_state[_key(deployment)] = kept
    if kept.is_touched and kept.id:
        st.query_params[PARAMETER] = kept.id
    else:
        st.query_params.pop(PARAMETER, None)
    return kept


def is_outdated(draft: Draft, held: Setting | None) -> bool:
    """Whether Azure holds something else by now than what the draft was begun from."""
    return not _agree(draft.base, held)


def change(deployment: Deployment, document: Mapping[str, Any]) -> None:
    """Put another document in the draft. For callbacks."""
    kept: Draft | None = st.session_state.get(_key(deployment))
    if kept is not None:
        _put(deployment, replace(kept, document=document), kept)


def now(deployment: Deployment, drawn: Draft) -> Draft:
    """The draft to go on from when a button of ``drawn`` is pressed. For callbacks.

    Whoever types a limit and presses a button right away sends both at once: the limit is in the session by then and
    not in what was drawn. Anything else that has changed since was not on the screen: then it is what was drawn.
    """
    kept: Draft | None = st.session_state.get(_key(deployment))
    if kept is None or kept.document is None or drawn.document is None:
        return drawn
    is_limits_alone = _agree(kept.base, drawn.base) and _unlimited(kept.document) == _unlimited(drawn.document)
    return kept if is_limits_alone else drawn


def forget(deployment: Deployment) -> None:
    """Begin anew from what Azure holds. For callbacks."""
    kept: Draft | None = st.session_state.get(_key(deployment))
    if kept is not None:
        _put(deployment, Draft(kept.base, None if kept.base is None else kept.base.raw), kept)


def saved(deployment: Deployment, held: Setting | None) -> None:
    """Go on from what Azure holds after a write. For callbacks."""
    _put(deployment, Draft(held, None if held is None else held.raw), st.session_state.get(_key(deployment)))


def _put(deployment: Deployment, draft: Draft, before: Draft | None) -> Draft:
    """Take a draft in place of the one of ``before``, in the session and on the disk."""
    revision, kept_id = (0, "") if before is None else (before.revision + 1, before.id)
    try:
        if draft.is_touched and draft.document is not None:
            kept_id = kept_id or Keeping.new_id()
            _keeping().save(kept_id, deployment.id, draft.base, draft.document, datetime.now(UTC))
        elif kept_id:
            _keeping().drop(kept_id)
            kept_id = ""
    except OSError:
        # It can still be saved: only a reload would lose it.
        _log.exception("Unsaved changes of an autoscale setting could not be kept")
        kept_id = ""
    made = replace(draft, revision=revision, id=kept_id)
    st.session_state[_key(deployment)] = made
    return made


def _found(deployment: Deployment, held: Setting | None, location: str) -> Draft | None:
    """The draft that the address names."""
    kept_id = st.query_params.get(PARAMETER, "")
    kept = _keeping().find(kept_id, deployment.id)
    if kept is None:
        return None
    base, document = kept.documents(held, location)
    return Draft(base, document, id=kept_id, kept_at=kept.at)


def _is_there(draft: Draft, held: Setting | None) -> bool:
    """Whether Azure holds all of a draft by now, as after a save whose end this session was not told."""
    return draft.document is not None and held is not None and not lost(writable(draft.document), held.raw)


def _keeping() -> Keeping:
    folder = context.settings().data_dir
    return Keeping((folder if folder.is_absolute() else context.ROOT / folder) / _FOLDER)


def _agree(one: Setting | None, other: Setting | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.id.lower() == other.id.lower() and is_same(one, other)


def _unlimited(document: Mapping[str, Any]) -> dict[str, Any]:
    """A setting's document without the limits of its profiles."""
    properties = document["properties"]
    profiles = [{key: value for key, value in each.items() if key != "capacity"} for each in properties["profiles"]]
    return {**writable(document), "properties": {**properties, "profiles": profiles}}


def _key(deployment: Deployment) -> str:
    return f"autoscale_draft:{deployment.id.lower()}"
