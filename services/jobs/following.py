"""Follows what Azure does until it has ended, however often the connection breaks meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.azure import operations
from services.azure.operations import Poll
from services.azure.translation import Call, retry_after_seconds
from services.deploying.model import JobState
from services.errors import AccessDenied, Conflict, NotFound, RuleBroken, SluiceError
from services.jobs.work import Work

POLL_SECONDS = 5.0
"""Between two looks at an operation when Azure does not say how long to wait; azure-ai-ml has the same."""
MOST_SECONDS = 30.0
"""Azure may ask for longer: then nobody would see how far it is."""
GIVEN_UP_AFTER = 180
"""Looks in a row without an answer, half a minute each at last, until nobody knows what became of it."""
FOLLOWED_SECONDS = 86_400.0
"""How long after it was sent an operation is followed. Azure documents no end of its operations; an image build or a
roll-out takes some hours at most, so a day means that it is stuck."""
FORGOTTEN_AFTER = 3
"""Looks in a row at an operation that Azure does not know, until the resource is asked instead."""


@dataclass(frozen=True)
class Target:
    """What is followed. ``operation`` is Azure's address of it, "" when it gave none: then the resource tells.

    ``by_status`` is for an address that Azure gave in ``Location``: it answers 202 for as long as it takes.
    """

    path: str
    api_version: str
    operation: str = ""
    by_status: bool = False
    is_delete: bool = False


@dataclass(frozen=True)
class Ending:
    """How it ended. ``poll`` is Azure's last answer when there was one."""

    state: JobState
    error: SluiceError | None = None
    poll: Poll | None = None


def follow(work: Work, target: Target, call: Call, look: Callable[[], None] = lambda: None) -> Ending:
    """Ask Azure until it has ended, for a day at most. ``look`` is called after each answer. Raises Left."""
    failures, looks, misses, operation = 0, 0, 0, target.operation
    sent_at = work.values.get("sent_at")
    until = (datetime.fromisoformat(sent_at) if sent_at else work.now()) + timedelta(seconds=FOLLOWED_SECONDS)
    while True:
        looks += 1
        pause: float | None = None
        try:
            found = _ask(work, target, operation, call)
            if failures:
                work.remark("")
            failures = 0
            pause = found.retry_after_seconds
            if found.has_succeeded:
                return Ending(JobState.SUCCEEDED, poll=found)
            if found.failure is not None:
                state = JobState.CANCELLED if found.state.lower() == "canceled" else JobState.FAILED
                return Ending(state, found.failure, found)
            look()
            if work.now() > until:
                return Ending(JobState.UNKNOWN, _stuck(call, found.state))
        except NotFound as error:
            if target.is_delete and not operation:
                return Ending(JobState.SUCCEEDED)
            if not operation:
                return Ending(JobState.UNKNOWN, error)
            # Azure forgets operations after a while; the resource stays. It may also not know one yet that it has only
            # just begun, and the resource would then tell of the time before.
            misses += 1
            if misses >= FORGOTTEN_AFTER:
                operation = ""
                continue
            pause = POLL_SECONDS
        except (RuleBroken, AccessDenied, Conflict) as error:
            # Asking again mends none of these. An address in Location answers them when the operation itself was
            # refused, or when it is no longer told; the resource alone would tell of the time before.
            if not operation or target.by_status:
                return Ending(JobState.UNKNOWN, _not_told(error))
            operation = ""
            continue
        except SluiceError as error:
            failures += 1
            if failures >= GIVEN_UP_AFTER:
                return Ending(JobState.UNKNOWN, error)
            work.remark(f"{error.why} Azure is asked again.")
            pause = min(MOST_SECONDS, failures)
        work.pause(min(MOST_SECONDS, pause or min(POLL_SECONDS, looks)))


def _stuck(call: Call, state: str) -> SluiceError:
    hours = FOLLOWED_SECONDS / 3600
    why = f"Azure has not ended it in {hours:.0f} hours, and still says {state or 'nothing of its state'}."
    return SluiceError(call.what, why, "Look at what Azure holds now. Azure's support can end an operation.")


def _not_told(error: SluiceError) -> SluiceError:
    why = f"Azure has accepted the request, and refuses to tell what became of it: {error.why}"
    return SluiceError(error.what, why, "Look at what Azure holds now.", request_id=error.request_id)


def _ask(work: Work, target: Target, operation: str, call: Call) -> Poll:
    if operation and target.by_status:
        reply = work.conn.send("GET", operation, call, api_version=target.api_version)
        return Poll(str(reply.status), reply.status != 202, None, retry_after_seconds(reply.headers))
    if operation:
        return operations.poll(work.conn, operation, call, api_version=target.api_version)
    found = operations.poll_resource(work.conn, target.path, call, api_version=target.api_version)
    # A resource that has no state, as those of Azure Monitor, is there at once.
    return found if found.state else replace(found, has_succeeded=True)
