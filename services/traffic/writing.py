"""The way of a change to the write: read, compare with what the person saw, wait for others, write once."""

from __future__ import annotations

from services.azure.endpoints import BUSY_STATES, Sent
from services.errors import Conflict, ServiceFailed, SluiceError, Throttled, Timeout, Unreachable
from services.journal.entry import REFUSED
from services.traffic.application import READING, WAITING_FOR_OTHERS, WRITING
from services.traffic.plan import check_rules
from services.traffic.settling import settle
from services.traffic.work import POLL_SECONDS, READ_SECONDS, Ending, Patience, Seen, Work, asked_to_wait, is_before

_LOOK = "Look at the split that Azure holds now, then decide again."
_TIMES = 10
"""How often the write is put off because this process stood still before it."""


def carry_out(work: Work) -> Ending:
    """Apply a change from the first read to its end. Raises Cancelled and Stopped before the write."""
    patience = Patience(work.now)
    while True:
        work.progress.show(READING)
        try:
            seen = _ready(work, patience)
            sent = _write(work, seen, patience)
        except SluiceError as error:
            work.note(error.request_id)
            theirs = work.last.known if isinstance(error, Conflict) and error.theirs is not None and work.last else None
            return Ending(REFUSED, error, theirs)
        if sent is not None:
            work.note(*sent.request_ids)
            return settle(work, seen, sent)


def _ready(work: Work, patience: Patience) -> Seen:
    """The endpoint once it can be written. Raises the SluiceError for which it never will be."""
    while True:
        work.progress.check()
        try:
            deployments = work.azure.list_deployments(work.conn, work.entry.endpoint_name)
            seen = work.read()
        except (Throttled, Unreachable, Timeout, ServiceFailed) as error:
            _wait_out(work, patience, error)
            continue
        patience.forget("trouble")
        work.journal.observe(seen.endpoint, seen.read_at)
        if _lags(work, seen) and patience.left("lag", work.limits.lag) > 0:
            work.progress.show(READING, "Azure still answers from before the last change.", work.limits.lag)
            work.progress.pause(READ_SECONDS)
            continue
        _compare(work, seen)
        if seen.endpoint.state not in BUSY_STATES:
            check_rules(seen.endpoint, [each for each in deployments if each.state != "Deleting"], work.entry.after)
            return seen
        _wait_for_others(work, patience, seen.endpoint.state)


def _write(work: Work, seen: Seen, patience: Patience) -> Sent | None:
    """Write once. None when Azure has certainly not taken it and it is worth reading again."""
    work.progress.commit()
    work.progress.show(WRITING)
    work.journal.sent(work.entry, seen.endpoint.modified_at)
    if (work.now() - seen.read_at).total_seconds() > work.limits.stood_still:
        work.progress.take_back()
        if not patience.spend("stood still", 1, _TIMES):
            raise Timeout(
                f"The split of {work.entry.endpoint_name} was not changed.",
                "Between reading and writing too much time passed, again and again.",
                "Try again when this machine has less to do.",
            )
        return None
    try:
        return work.azure.send_split(work.conn, seen.endpoint, work.entry.after)
    except (Conflict, Throttled) as error:
        work.progress.take_back()
        work.note(error.request_id)
        if isinstance(error, Throttled):
            _wait_out(work, patience, error)
        else:
            _wait_for_others(work, patience, "")
        return None


def _lags(work: Work, seen: Seen) -> bool:
    known = work.journal.known(work.entry.endpoint_id)
    return is_before(seen.endpoint, work.seen_at) or is_before(seen.endpoint, known.modified_at if known else None)


def _compare(work: Work, seen: Seen) -> None:
    if seen.endpoint.split != work.entry.before:
        raise Conflict(
            f"The split of {work.entry.endpoint_name} was not changed.",
            "Somebody changed it since this page read it.",
            _LOOK,
            theirs=seen.endpoint.split,
        )


def _wait_for_others(work: Work, patience: Patience, state: str) -> None:
    limit = work.limits.others
    why = f"Another operation is running on the endpoint: its state is {state}." if state else ""
    why = why or "Another operation is running on the endpoint."
    if patience.left("others", limit) <= 0:
        what = f"The split of {work.entry.endpoint_name} was not changed."
        raise Conflict(what, f"{why} It has not ended in {limit / 60:.0f} minutes.", "Try again when it has ended.")
    work.progress.show(WAITING_FOR_OTHERS, f"{why} The split is read again when it has ended.", limit)
    work.progress.pause(POLL_SECONDS)


def _wait_out(work: Work, patience: Patience, error: SluiceError) -> None:
    """Wait before asking again. Raises ``error`` when that would take too long."""
    work.note(error.request_id)
    limits, asked = work.limits, asked_to_wait(error)
    if asked is None:
        if patience.left("trouble", limits.trouble) <= 0:
            raise error
        work.progress.show(READING, f"{error.why} Asking again.", limits.trouble)
    else:
        if not patience.spend("throttled", asked, limits.throttled):
            raise error
        work.progress.show(WAITING_FOR_OTHERS, f"Azure asks to send less; waiting {asked:.0f} s.", limits.throttled)
    work.progress.pause(POLL_SECONDS if asked is None else asked)
