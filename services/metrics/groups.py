"""The metrics of one group of charts, each with what is wrong with its own source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import pandas as pd

from services.azure.connection import Connection
from services.azure.metric_answers import is_count, is_presence
from services.azure.metric_definitions import MetricDefinition, definitions
from services.azure.monitor import DEPLOYMENT_NAMESPACE, Answer, read_metrics
from services.errors import NotFound, SluiceError
from services.metrics.panels import INSTANCE, Panel, panels
from services.metrics.series import counts, minutes_of, points, tidy
from services.metrics.windows import settled_until, whole_point
from services.model import Deployment, Endpoint, Series, Window

_PARALLEL = 4


@dataclass(frozen=True)
class PanelData:
    """One chart's numbers: ``rows`` with the columns ``at``, ``deployment``, ``part``, ``instance``, ``value``.

    ``deployment`` is empty for what Azure measures of the whole endpoint alone. A point without data has no row. What
    counts per minute is the number in the point over the minutes of it, and instances that were there for a part of a
    point count for that part, where Azure tells totals.
    ``problem`` is why nothing could be read, ``notes`` say what is missing of what was read.
    """

    panel: Panel
    rows: pd.DataFrame
    problem: SluiceError | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupData:
    """The charts of one group in ``window``. Points at or after ``settled_until`` may still change.

    ``reading`` as in :class:`DeploymentMetrics`.
    """

    panels: tuple[PanelData, ...]
    window: Window
    settled_until: datetime
    reading: str = ""


def group_metrics(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    group: str,
    window: Window,
    now: datetime,
    *,
    each_instance: bool = False,
) -> GroupData:
    """The charts of ``group``: one question to Azure for all that are split alike, four at a time.

    A question that fails is the ``problem`` of its own charts. Raises SluiceError when Azure does not say what exists.
    """
    own = [each for each in deployments if each.endpoint == endpoint.name]
    listed = panels(definitions(conn, endpoint.id), _of_deployments(conn, own), each_instance=each_instance)
    wanted = [each for each in listed if each.group == group]
    asked = [list(alike) for _, alike in groupby(sorted(wanted, key=_question), _question)]

    def ask(alike: list[Panel]) -> Answer | SluiceError:
        first = alike[0]
        ids = [each.id for each in own] if first.namespace == DEPLOYMENT_NAMESPACE else [endpoint.id]
        names = [each.metric for each in alike]
        try:
            return read_metrics(
                conn, ids, first.namespace, names, window, split_by=first.split, region=endpoint.location
            )
        except SluiceError as error:
            return error

    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="metrics") as pool:
        answers = {each: answer for alike, answer in zip(asked, pool.map(ask, asked), strict=True) for each in alike}
    names = {each.id.lower(): each.name for each in own}
    return GroupData(
        tuple(_data(each, answers[each], names, window) for each in wanted),
        window,
        whole_point(settled_until(now), window.grain_seconds),
    )


def _question(panel: Panel) -> tuple[str, tuple[str, ...]]:
    return panel.namespace, panel.split


def _of_deployments(conn: Connection, deployments: Sequence[Deployment]) -> tuple[MetricDefinition, ...]:
    """What the first deployment that is still there can tell: all are of one type."""
    for each in deployments:
        try:
            return definitions(conn, each.id)
        except NotFound:
            continue
    return ()


def _data(panel: Panel, answer: Answer | SluiceError, names: dict[str, str], window: Window) -> PanelData:
    if isinstance(answer, SluiceError):
        return PanelData(panel, rows_of(panel, [], names, window), problem=answer)
    mine = [one for one in answer.series if one.metric == panel.metric]
    return PanelData(panel, rows_of(panel, mine, names, window), notes=answer.notes)


def rows_of(panel: Panel, series: Sequence[Series], names: dict[str, str], window: Window) -> pd.DataFrame:
    """The rows of one chart over ``window``. ``names``: deployment id in lower case → name. Pure."""
    found: defaultdict[tuple[datetime, str, str, str], float] = defaultdict(float)
    most = _most_values(series) if is_presence(panel.metric) else {}
    for one in series:
        name = names.get(one.resource_id.lower(), one.dimensions.get("deployment", ""))
        part = one.dimensions.get(panel.part, "") if panel.part else ""
        instance = one.dimensions.get(INSTANCE, "") if panel.by_instance else ""
        if is_count(panel.metric):
            values = [(at, number / minutes_of(at, window)) for at, number in counts(one, window)]
        else:
            shares = {at: number / most[one.resource_id, at] for at, _, number in _totals(one) if most}
            values = [(at, shares.get(at, mean)) for at, mean in points(one)]
        for at, value in values:
            found[at, name, part, instance] += value
    return tidy(("at", "deployment", "part", "instance", "value"), ((*key, value) for key, value in found.items()))


def _most_values(series: Sequence[Series]) -> dict[tuple[str, datetime], float]:
    """Resource, point → how many values the instance has that was there longest: all that were measured, mostly."""
    each: defaultdict[tuple[str, datetime, str], float] = defaultdict(float)
    for one in series:
        for at, mean, total in _totals(one):
            each[one.resource_id, at, one.dimensions.get(INSTANCE, "")] += total / mean
    found: defaultdict[tuple[str, datetime], float] = defaultdict(float)
    for (resource_id, at, _), number in each.items():
        found[resource_id, at] = max(found[resource_id, at], number)
    return dict(found)


def _totals(one: Series) -> list[tuple[datetime, float, float]]:
    """Each point that has a total, with its mean and its total."""
    if not one.totals:
        return []
    both = zip(one.times, one.values, one.totals, strict=True)
    return [(at, mean, total) for at, mean, total in both if mean and total is not None]
