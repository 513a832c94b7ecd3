"""What became of a write: wait for Azure's operation, and read until Azure agrees or it is plain what is not known."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.azure.endpoints import BUSY_STATES, Sent
from services.azure.operations import Poll
from services.errors import Conflict, NotFound, ServiceFailed, SluiceError, Timeout
from services.journal.entry import APPLIED, FAILED, REFUSED, UNKNOWN, Known
from services.model import Endpoint, Split
from services.traffic.application import READING_BACK, WAITING
from services.traffic.work import (
    LONGEST_POLL_SECONDS,
    POLL_SECONDS,
    READ_SECONDS,
    Ending,
    Patience,
    Seen,
    Work,
    asked_to_wait,
    is_before,
)

AGREES, LAGS, BUSY, UNTOUCHED, FELL_BACK, OTHER = "agrees", "lags", "busy", "untouched", "fell back", "other"
"""What one read says: the wanted split; an answer from before the write; an operation is running; the split from
before, and no write since; the split from before, after a write that failed; anything else: somebody else's doing."""
_ENDED_BADLY = frozenset({"Failed", "Canceled"})
_LOOK = "Look at the split that Azure holds now, then decide again."


def judge(endpoint: Endpoint, before: Split, after: Split, followed_at: datetime | None) -> str:
    """What an answer says about a write of ``after`` over ``before``. Pure.

    ``followed_at`` is Azure's time of the last write before it, None when Azure's times are not to be looked at. An
    older answer is from a copy that lags: it may show the wanted split from an earlier time.
    """
    if is_before(endpoint, followed_at):
        return LAGS
    if endpoint.state in BUSY_STATES:
        return BUSY
    if endpoint.split == after:
        return AGREES
    if endpoint.split != before:
        return OTHER
    if followed_at is None or endpoint.modified_at is None or endpoint.modified_at == followed_at:
        return UNTOUCHED
    return FELL_BACK if endpoint.state in _ENDED_BADLY else OTHER


def settle(work: Work, seen: Seen, sent: Sent) -> Ending:
    """The end of a write that Azure has, or may have. ``seen`` is what it was made from."""
    if sent.doubt is not None:
        return look(work, seen.endpoint.modified_at, sent.doubt)
    ended, problem = _wait(work, seen.endpoint, sent)
    if ended is None:
        return _read_anything(work, problem)
    if ended.failure is not None:
        work.note(ended.failure.request_id)
        return _after_failure(work, seen.endpoint.modified_at, ended.failure)
    # Azure's answer to a write may still tell the time of the one before; then nothing can be said to be later.
    own_at = sent.modified_at if _is_later(sent.modified_at, seen.endpoint.modified_at) else None
    return _confirm(work, own_at)


def look(work: Work, followed_at: datetime | None, doubt: SluiceError) -> Ending:
    """Find out what became of a write of which nobody knows whether Azure has it, by looking at what Azure holds."""
    entry, limits, patience, trusted = work.entry, work.limits, Patience(work.now), followed_at
    before = entry.before or Split()
    note = f"{doubt.why} Nobody knows yet whether Azure has the new split; it is not sent again."
    while True:
        work.progress.show(WAITING, note, limits.lag)
        seen, problem = _try_to_read(work)
        if seen is None:
            ending = _unreadable(work, patience, problem)
            if ending is not None:
                return ending
            continue
        patience.forget("silence")
        patience.forget("gone")
        verdict = judge(seen.endpoint, before, entry.after, trusted)
        if verdict == AGREES:
            return Ending(APPLIED, None, seen.known)
        if verdict == FELL_BACK:
            return fell_back(work, seen)
        if verdict == BUSY:
            patience.forget("rest")
            work.progress.show(WAITING, "An operation is running on the endpoint.", limits.operation)
            if patience.left("busy", limits.operation) <= 0:
                return Ending(UNKNOWN, _never_ended(work, seen.endpoint.state), seen.known)
        elif patience.left("rest", limits.lag) <= 0:
            if verdict == LAGS:
                # No copy lags for so long: Azure's clock has been set back, and its times say nothing.
                trusted = None
                patience.forget("rest")
                continue
            return _at_rest(work, seen, verdict)
        work.progress.pause(READ_SECONDS)


def _wait(work: Work, endpoint: Endpoint, sent: Sent) -> tuple[Poll | None, SluiceError | None]:
    """The end of Azure's operation; None, and the last problem, when it could not be seen in time."""
    limits, patience = work.limits, Patience(work.now)
    operation, note, found = sent.operation, "", None
    while patience.left("operation", limits.operation) > 0:
        work.progress.show(WAITING, note, limits.operation)
        try:
            found = work.azure.poll_split(work.conn, endpoint, operation)
        except SluiceError as error:
            if isinstance(error, NotFound) and operation:
                # Azure forgets operations; the endpoint's own state tells as well.
                operation = ""
                continue
            problem, wait = error, asked_to_wait(error) or POLL_SECONDS
            note = f"{error.why} Azure goes on with it all the same."
            is_gone = isinstance(error, NotFound) and patience.left("gone", limits.gone) <= 0
            if is_gone or patience.left("silence", limits.silence) <= 0:
                return None, problem
        else:
            if found.has_ended:
                return found, None
            patience.forget("silence")
            patience.forget("gone")
            note, wait = "", found.retry_after_seconds or POLL_SECONDS
        work.progress.pause(min(wait, LONGEST_POLL_SECONDS))
    return None, _never_ended(work, found.state if found else "")


def _confirm(work: Work, own_at: datetime | None) -> Ending:
    """Read until Azure's answer is the wanted split. Azure has said that it carried the write out.

    ``own_at`` is Azure's time of our write, None when that is not known.
    """
    limits, patience, entry = work.limits, Patience(work.now), work.entry
    while True:
        work.progress.show(READING_BACK, "", limits.lag)
        seen, problem = _try_to_read(work)
        if seen is not None:
            endpoint = seen.endpoint
            if endpoint.split == entry.after and not is_before(endpoint, own_at):
                return Ending(APPLIED, None, seen.known)
            if own_at is not None and _is_later(endpoint.modified_at, own_at):
                # Azure has carried ours out, and somebody has written since: two changes, one after the other.
                ours = Known(entry.after, own_at, seen.read_at - timedelta(microseconds=1))
                return Ending(APPLIED, _changed_again(work, endpoint.split), ours)
        if patience.left("lag", limits.lag) <= 0:
            return _unconfirmed(work, seen, problem)
        if isinstance(problem, NotFound) and patience.left("gone", limits.gone) <= 0:
            return _deleted(work, problem)
        wait = asked_to_wait(problem) if problem else None
        work.progress.pause(min(wait or READ_SECONDS, LONGEST_POLL_SECONDS))


def _after_failure(work: Work, followed_at: datetime | None, failure: SluiceError) -> Ending:
    """Read what Azure holds after its operation has failed."""
    patience = Patience(work.now)
    while True:
        work.progress.show(READING_BACK, "Azure's operation has failed; reading what it holds now.", work.limits.lag)
        seen, problem = _try_to_read(work)
        is_clear = seen and seen.endpoint.state not in BUSY_STATES and not is_before(seen.endpoint, followed_at)
        if is_clear or isinstance(problem, NotFound) or patience.left("lag", work.limits.lag) <= 0:
            return Ending(FAILED, failure, seen.known if seen else None)
        work.progress.pause(READ_SECONDS)


def _read_anything(work: Work, problem: SluiceError | None) -> Ending:
    if isinstance(problem, NotFound):
        return _deleted(work, problem)
    seen, second = _try_to_read(work)
    if isinstance(second, NotFound):
        return _deleted(work, second)
    what = f"The new split of {work.entry.endpoint_name} was accepted by Azure, but what became of it is not known."
    reason = problem or second
    error = _same(reason, what) if reason else None
    return Ending(UNKNOWN, error, seen.known if seen else None)


def _try_to_read(work: Work) -> tuple[Seen | None, SluiceError | None]:
    try:
        return work.read(), None
    except SluiceError as error:
        work.note(error.request_id)
        return None, error


def _unreadable(work: Work, patience: Patience, problem: SluiceError | None) -> Ending | None:
    """The end when Azure has given no useful answer for too long; else wait, and None."""
    if isinstance(problem, NotFound) and patience.left("gone", work.limits.gone) <= 0:
        return _deleted(work, problem)
    if problem is not None and patience.left("silence", work.limits.silence) <= 0:
        return Ending(UNKNOWN, _same(problem, _lost(work)))
    if problem is not None:
        work.progress.show(WAITING, f"{problem.why} Asking again.", work.limits.silence)
    wait = asked_to_wait(problem) if problem else None
    work.progress.pause(min(wait or READ_SECONDS, LONGEST_POLL_SECONDS))
    return None


def untouched(work: Work, seen: Seen) -> Ending:
    """The end of a write that has not reached Azure, long after it was sent."""
    why = f"Azure still holds the split from before, {work.limits.lag:.0f} seconds later: the write has not reached it."
    error = ServiceFailed(f"The split of {work.entry.endpoint_name} was not changed.", why, "Try again.")
    return Ending(REFUSED, error, seen.known)


def fell_back(work: Work, seen: Seen) -> Ending:
    """The end of a write that Azure has had and has not carried out."""
    why = "Azure had the new split and did not carry it out; it holds the one from before."
    step = "Look at the endpoint's state, then try again."
    return Ending(
        FAILED, ServiceFailed(f"The split of {work.entry.endpoint_name} was not changed.", why, step), seen.known
    )


def _at_rest(work: Work, seen: Seen, verdict: str) -> Ending:
    """The end when nothing has moved for so long that nothing will."""
    if verdict == UNTOUCHED:
        return untouched(work, seen)
    why = "Azure holds another split, or was written by somebody else since: yours may have been in effect in between."
    return Ending(UNKNOWN, Conflict(_lost(work), why, _LOOK, theirs=seen.endpoint.split), seen.known)


def _unconfirmed(work: Work, seen: Seen | None, problem: SluiceError | None) -> Ending:
    what = f"The split of {work.entry.endpoint_name} was written but could not be confirmed."
    if seen is None:
        return Ending(UNKNOWN, _same(problem, what) if problem else None)
    why = f"Azure says that it has carried it out, but for {work.limits.lag:.0f} seconds it has answered another split."
    return Ending(UNKNOWN, Conflict(what, why, _LOOK, theirs=seen.endpoint.split), seen.known)


def _deleted(work: Work, problem: SluiceError) -> Ending:
    why = "Azure says that there is no such endpoint any more: it was deleted while its split was being changed."
    return Ending(UNKNOWN, NotFound(_lost(work), why, "Choose another endpoint.", request_id=problem.request_id))


def _changed_again(work: Work, theirs: Split) -> Conflict:
    what = f"The split of {work.entry.endpoint_name} was changed, and changed again by somebody else right after."
    return Conflict(what, "Azure's time of its last write is later than yours.", _LOOK, theirs=theirs)


def _never_ended(work: Work, state: str) -> Timeout:
    why = f"The operation is still {state or 'running'} after {work.limits.operation / 60:.0f} minutes."
    return Timeout(_lost(work), why, "Look at the endpoint's state; Azure may still finish the operation.")


def _lost(work: Work) -> str:
    return f"The new split of {work.entry.endpoint_name} was sent to Azure, but what became of it is not known."


def _same(problem: SluiceError, what: str) -> SluiceError:
    return type(problem)(what, problem.why, problem.next_step, request_id=problem.request_id)


def _is_later(moment: datetime | None, other: datetime | None) -> bool:
    return moment is not None and (other is None or moment > other)
