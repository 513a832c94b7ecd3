"""Whether Azure has a request whose answer nobody has seen, by what Azure says of the last write: when, and by whom.

That something is different from before proves nothing: somebody else may have changed it, or it has only come to rest.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.azure import written
from services.azure.cloud import Json
from services.azure.connection import own_names
from services.azure.documents import moment
from services.azure.endpoints import BUSY_STATES
from services.azure.translation import Call
from services.deploying.model import JobState
from services.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    RuleBroken,
    ServiceFailed,
    SignInFailed,
    SluiceError,
    Throttled,
)
from services.jobs.following import GIVEN_UP_AFTER, MOST_SECONDS, Ending
from services.jobs.work import Work
from services.traffic import work as traffic

CERTAIN = (RuleBroken, Conflict, Throttled, NotFound, AccessDenied, SignInFailed)
"""What an answer says with which Azure certainly has not taken a request."""
SETTLE_SECONDS = traffic.Limits().lag
"""How long Azure may take to show a request whose answer is lost: until then, that nothing is there proves nothing."""
POLL_SECONDS = traffic.READ_SECONDS
CLOCK_SECONDS = 5.0
"""How wrong our idea of Azure's clock may be; its answers tell whole seconds (:mod:`services.azure.clock`)."""
ON_ITS_WAY_SECONDS = 60.0
"""How long after it was sent a request may be written. A later write of the same person is another one."""


@dataclass(frozen=True)
class Held:
    """What Azure holds: a ``digest`` of it, "" when there is nothing, its state, and its last write as Azure tells.
    ``document`` is all of it, and never kept."""

    digest: str
    state: str = ""
    modified_at: datetime | None = None
    modified_by: str = ""
    document: Json = field(default=None, repr=False, compare=False)

    @property
    def words(self) -> str:
        """Who wrote last and when, for people."""
        if not self.digest:
            return "By now Azure holds nothing there"
        if self.modified_at is None:
            return "Azure does not tell when it was written last"
        by = self.modified_by or "somebody whom Azure does not name"
        return f"Azure's last write there is by {by}, {self.modified_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def held(work: Work, path: str, api_version: str, call: Call) -> Held:
    """What Azure holds at ``path`` now. Raises SluiceError."""
    try:
        body = work.conn.send("GET", path, call, api_version=api_version).body
    except NotFound:
        return Held("")
    document: dict[str, Any] = body if isinstance(body, dict) else {}
    system, properties = document.get("systemData") or {}, document.get("properties") or {}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    state, by = str(properties.get("provisioningState") or ""), str(system.get("lastModifiedBy") or "")
    return Held(digest, state, moment(system.get("lastModifiedAt")), by, document)


def commit(work: Work, before: Held, wanted: Mapping[str, Any] | None = None) -> None:
    """Keep what :func:`find_out` needs, right before a request leaves. ``wanted`` is what is kept of its body
    (:func:`wanted_of`). Raises Cancelled, Left."""
    work.commit(before=before.digest, sent_at=work.conn.now().isoformat(), wanted=wanted)


def wanted_of(body: Json) -> dict[str, Any] | None:
    """What tells later whether Azure holds ``body``: no value of it. None when there is none."""
    return written.kept_of(body, os.urandom(16)) if isinstance(body, dict) else None


def find_out(work: Work, path: str, api_version: str, call: Call, *, again: str, is_delete: bool) -> Ending | None:
    """None when Azure has the request that was sent at ``sent_at``: it can be followed. Else how it has ended.

    Waits a moment for it when it has only just been sent, and asks again for as long as Azure cannot be asked: that
    nobody answers does not mean that it was not done. ``again`` is what to do when it has not arrived. Raises Left.
    """
    values, failures = work.values, 0
    first, last = _sent(values)
    while True:
        asked_at = work.conn.now()
        try:
            names = own_names(work.conn)
            found = held(work, path, api_version, call)
        except (RuleBroken, AccessDenied) as error:
            return _unknown(work, error.why, error.request_id)
        except SluiceError as error:
            failures += 1
            if failures >= GIVEN_UP_AFTER:
                return _unknown(work, error.why, error.request_id)
            work.remark(f"{error.why} Azure is asked again.")
            work.pause(min(MOST_SECONDS, failures))
            continue
        if failures:
            work.remark("")
            failures = 0
        arrived = has_arrived(found, values["before"], (first, last), names, is_delete=is_delete)
        if arrived:
            return None
        if asked_at >= last + timedelta(seconds=SETTLE_SECONDS):
            break
        work.pause(POLL_SECONDS)
    if arrived is None:
        return _unknown(work, f"{found.words}: that need not be yours.")
    why = "It was sent, but Azure holds what it held before."
    if found.digest != values["before"]:
        why = f"It was sent, but has not arrived. {found.words}, which was before."
    return Ending(JobState.FAILED, ServiceFailed(call.what, why, again))


def confirm(work: Work, path: str, api_version: str, call: Call, ending: Ending) -> Ending:
    """``ending``, or that nobody knows, when what a request without an answer has sent is not in what Azure holds: a
    later write of the same identity looks like ours. Raises Left."""
    values = work.values
    if ending.state is not JobState.SUCCEEDED:
        return ending
    wanted, (_, last) = values.get("wanted"), _sent(values)
    for failures in range(GIVEN_UP_AFTER):
        asked_at = work.conn.now()
        try:
            found = held(work, path, api_version, call)
        except SluiceError as error:
            why = error.why
            work.pause(min(MOST_SECONDS, failures + 1))
            continue
        if wanted and written.holds(found.document, wanted):
            return ending
        why = f"{found.words}, and not all that was sent is in it."
        if asked_at >= last + timedelta(seconds=SETTLE_SECONDS):
            break
        work.pause(POLL_SECONDS)
    return _unknown(work, why)


def _sent(values: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """When a request was sent first and last."""
    first = datetime.fromisoformat(values["sent_at"])
    return first, datetime.fromisoformat(values.get("sent_again_at") or values["sent_at"])


def _unknown(work: Work, why: str, request_id: str | None = None) -> Ending:
    what = f"What became of this is not known: {work.kept.job.title}."
    told = f"It was sent, and nobody has seen Azure's answer. {why}"
    step = "Look at what Azure holds now, then decide again."
    return Ending(JobState.UNKNOWN, SluiceError(what, told, step, request_id=request_id))


def has_arrived(
    found: Held, before: str, sent: tuple[datetime, datetime], names: Collection[str], *, is_delete: bool
) -> bool | None:
    """Whether ``found`` is what a request has left that was sent between two moments of Azure's clock over what had
    the digest ``before``. ``names`` are those under which Azure may know us. None when that cannot be told. Pure."""
    if found.digest == before:
        return False
    if is_delete and (not found.digest or found.state == "Deleting"):
        return True
    if not found.digest or found.modified_at is None:
        return None
    if found.modified_at < sent[0] - timedelta(seconds=CLOCK_SECONDS):
        # What runs there may be ours: Azure's times can lag behind its states.
        return None if found.state in BUSY_STATES else False
    is_in_time = found.modified_at <= sent[1] + timedelta(seconds=ON_ITS_WAY_SECONDS)
    is_ours = found.modified_by.lower() in {each.lower() for each in names}
    return True if is_in_time and is_ours and not is_delete else None
