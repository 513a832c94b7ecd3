"""How the requests of an endpoint ended, from the endpoint's own metrics: they alone tell what the model answered.

Whether they count mirrored copies is not documented and differs from cloud to cloud (see services/visibility).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import pandas as pd

from services.azure.connection import Connection
from services.azure.monitor import ENDPOINT_NAMESPACE, Answer, read_metrics
from services.errors import SluiceError
from services.metrics.series import RATE, counts, has_totals
from services.metrics.summaries import ENDPOINT_SPLIT
from services.model import Endpoint, Series, Window
from services.statuses import StatusSets

COLUMNS = ("at", "deployment", "status", "model_status", "count")
_OF_ALL = tuple(each for each in ENDPOINT_SPLIT if each != "deployment")
_LEAST = 0.5
"""Counts are whole numbers that come as fractions: a smaller difference is none."""
_NO_MODEL = ("", "0")
"""What Azure tells as the model's status when the model did not answer."""

_Key: TypeAlias = "tuple[datetime, str, str, str]"


@dataclass(frozen=True)
class Outcomes:
    """Requests by how they ended.

    ``rows``: columns ``at`` (datetime, UTC), ``deployment``, ``status``, ``model_status`` (both as text; the latter is
    empty when the model did not answer) and ``count``, the requests of the point. ``deployment`` is empty for requests
    that were refused before one was chosen. ``problem`` is why nothing could be read, ``notes`` say what is missing.
    ``is_counted``: as in :class:`DeploymentMetrics`.
    """

    rows: pd.DataFrame
    problem: SluiceError | None = None
    notes: tuple[str, ...] = ()
    is_counted: bool = True


@dataclass(frozen=True)
class Combination:
    """One way of a deployment to fail: ``count`` requests, and their share of all of the deployment's.

    ``deployment`` is empty for requests that none was chosen for, and then there is no share to tell. ``newest_at`` is
    the begin of the newest point that has one.
    """

    deployment: str
    status: str
    model_status: str
    is_server_error: bool
    count: float
    percent: float | None
    newest_at: datetime


def endpoint_outcomes(conn: Connection, endpoint: Endpoint, window: Window, settled_until: datetime | None) -> Outcomes:
    """How the requests of ``endpoint`` ended in ``window``; a failure is its ``problem``.

    What no deployment answered has no dimension of that name, and is what a second question counts more. Before
    ``settled_until`` only: the newest points of two questions are not of the same moment. Without it, and when one of
    them is not answered whole, such requests are left out.
    """

    def ask(split: Sequence[str]) -> Answer | SluiceError:
        try:
            return read_metrics(
                conn, [endpoint.id], ENDPOINT_NAMESPACE, [RATE], window, split_by=split, region=endpoint.location
            )
        except SluiceError as error:
            return error

    questions = (ENDPOINT_SPLIT,) if settled_until is None else (ENDPOINT_SPLIT, _OF_ALL)
    with ThreadPoolExecutor(2, thread_name_prefix="metrics") as pool:
        split, *more = pool.map(ask, questions)
    if isinstance(split, SluiceError):
        return Outcomes(_frame({}), problem=split)
    found = _counted(split.series, window)
    notes = split.notes
    if settled_until is not None:
        why = _why_not_refused(split, more[0])
        if why:
            notes += (f"{why} Requests that were refused before a deployment was chosen are left out.",)
        elif isinstance(more[0], Answer):
            found |= _refused(_counted(more[0].series, window), found, settled_until)
    is_counted = window.grain_seconds == 60 or all(has_totals(one) for one in split.series)
    return Outcomes(_frame(found), notes=notes, is_counted=is_counted)


def _why_not_refused(split: Answer, of_all: Answer | SluiceError) -> str:
    """Why the difference of two answers would be wrong, "" when it is not."""
    if isinstance(of_all, SluiceError):
        return of_all.why
    if split.notes or of_all.notes:
        # What one of them lacks would be taken for what the other has more.
        return " ".join(note for note in of_all.notes if note not in split.notes) or "An answer is not whole."
    return "" if all(has_totals(one) for one in of_all.series) else "Azure tells no sums here."


def failing(rows: pd.DataFrame, statuses: StatusSets) -> tuple[Combination, ...]:
    """Every combination in ``rows`` that counts as an error, the most frequent one first. Pure."""
    rows = rows[rows["count"] > 0]
    totals = {str(name): float(count) for name, count in rows.groupby("deployment")["count"].sum().items()}
    found = []
    for (deployment, status, model), part in rows.groupby(["deployment", "status", "model_status"]):
        if not statuses.is_error(str(status)):
            continue
        count = float(part["count"].sum())
        percent = 100 * count / totals[str(deployment)] if deployment else None
        is_server_error = statuses.is_server_error(str(status))
        newest_at = part["at"].max().to_pydatetime()
        found.append(Combination(str(deployment), str(status), str(model), is_server_error, count, percent, newest_at))
    return tuple(sorted(found, key=lambda each: (-each.count, each.deployment, each.status, each.model_status)))


def words(status: str, model_status: str) -> str:
    """A status and what the model answered: ``424 · model 500``, or ``429`` when the model did not answer."""
    return f"{status} · model {model_status}" if model_status else status


def _counted(series: Iterable[Series], window: Window) -> dict[_Key, float]:
    found: defaultdict[_Key, float] = defaultdict(float)
    for one in series:
        said = one.dimensions
        model = said.get("modelstatuscode", "")
        kind = said.get("deployment", ""), said.get("statuscode", ""), "" if model in _NO_MODEL else model
        for at, count in counts(one, window):
            found[at, *kind] += count
    return dict(found)


def _refused(of_all: Mapping[_Key, float], split: Mapping[_Key, float], settled_until: datetime) -> dict[_Key, float]:
    """What ``of_all``, which does not know deployments, counts more than all deployments together."""
    known: defaultdict[_Key, float] = defaultdict(float)
    for (at, _, status, model), count in split.items():
        known[at, "", status, model] += count
    return {
        key: split.get(key, 0.0) + count - known[key]
        for key, count in of_all.items()
        if key[0] < settled_until and count - known[key] >= _LEAST
    }


def _frame(found: Mapping[_Key, float]) -> pd.DataFrame:
    frame = pd.DataFrame([(*key, count) for key, count in found.items()], columns=list(COLUMNS))
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    frame["count"] = frame["count"].astype("float64")
    return frame.sort_values(list(COLUMNS[:4]), ignore_index=True)
