"""A request leaves only right after what Azure holds was read and compared.

Azure has no condition on writes: what somebody else writes between the last reading and the request is overwritten. So
that reading is the last thing but keeping that the request leaves, and one that has become too old is made again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from services.azure.connection import Reply
from services.azure.endpoints import never_left
from services.azure.translation import Call
from services.errors import SluiceError, Timeout
from services.jobs.arriving import CERTAIN
from services.jobs.work import Work
from services.traffic import work as traffic

STOOD_STILL = traffic.Limits().stood_still
"""Seconds between the last reading and the request; the applier of splits has the same. After more it is read again."""
_TIMES = 10
_Read = TypeVar("_Read")


def fresh(work: Work, call: Call, read: Callable[[], _Read], keep: Callable[[_Read], None]) -> _Read:
    """What ``read`` has answered no longer than :data:`STOOD_STILL` ago; ``keep`` has kept that the request leaves.

    Raises Timeout when that never was quick enough, and what both raise: then nothing may leave.
    """
    for _ in range(_TIMES):
        is_old = work.stopwatch()
        found = read()
        keep(found)
        if is_old() <= STOOD_STILL:
            return found
        work.take_back()
    why = "Between reading and writing too much time passed, again and again."
    raise Timeout(call.what, why, "Try again when this machine has less to do.")


def send(
    work: Work,
    call: Call,
    method: str,
    path: str,
    *,
    api_version: str,
    body: Any = None,  # noqa: ANN401 - JSON
) -> Reply | SluiceError:
    """Send a request once. What Azure answers; or the error when nobody has seen an answer and Azure may have it.

    Raises SluiceError when Azure certainly has not taken it.
    """
    try:
        return work.conn.send(method, path, call, api_version=api_version, body=body, retries=False)
    except CERTAIN:
        raise
    except SluiceError as error:
        if never_left(error.__cause__):
            work.take_back()
            raise
        return error
