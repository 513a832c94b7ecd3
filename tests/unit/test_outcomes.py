"""How failures are put together, and how they are drawn, without Azure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from services.metrics import failing, outcomes
from services.model import Window
from services.statuses import DEFAULT_SETS, StatusSets
from ui.charts import Look
from ui.metrics import outcome_chart

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=10), 60)


def _rows(*rows: tuple[int, str, str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(START + timedelta(minutes=minute), *rest) for minute, *rest in rows], columns=list(outcomes.COLUMNS)
    )
    frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return frame.astype({"count": "float64"})


def test_no_requests_are_no_failures() -> None:
    assert failing(_rows(), DEFAULT_SETS) == ()
    assert failing(_rows((0, "blue", "424", "500", 0.0), (0, "blue", "200", "200", 3.0)), DEFAULT_SETS) == ()


def test_the_share_is_that_of_the_deployments_own_requests() -> None:
    rows = _rows((0, "blue", "200", "200", 3.0), (1, "blue", "424", "500", 1.0), (1, "green", "404", "", 2.0))

    found = failing(rows, StatusSets.of("5xx,404", "424"))

    assert [(each.deployment, each.count, each.percent, each.is_server_error) for each in found] == [
        ("green", 2.0, 100.0, True),
        ("blue", 1.0, 25.0, False),
    ]


@pytest.mark.parametrize(("model", "said"), [("500", "424 · model 500"), ("", "424")])
def test_the_models_status_is_named_when_it_answered(model: str, said: str) -> None:
    assert outcomes.words("424", model) == said


def test_kinds_beyond_those_with_bars_of_their_own_are_one_more() -> None:
    kinds = outcome_chart.MOST_DRAWN + 3
    rows = _rows(*((0, f"d{number:02}", "500", "", float(kinds - number)) for number in range(kinds)))
    found = failing(rows, DEFAULT_SETS)

    figure = outcome_chart.figure(rows.assign(per_minute=rows["count"]), found, WINDOW, ["d00"], Look())

    assert len(figure.data) == outcome_chart.MOST_DRAWN + 1
    assert figure.data[-1].name == "3 rarer kinds"
    assert sum(sum(each.y) for each in figure.data) == rows["count"].sum()
    assert figure.layout.barmode == "stack"


def test_the_same_answer_has_the_same_pattern_for_every_deployment() -> None:
    rows = _rows((0, "blue", "424", "500", 4.0), (0, "green", "424", "500", 3.0), (0, "blue", "408", "", 1.0))
    found = failing(rows, DEFAULT_SETS)

    figure = outcome_chart.figure(rows.assign(per_minute=rows["count"]), found, WINDOW, ["blue", "green"], Look())

    patterns = {each.name: each.marker.pattern.shape for each in figure.data}
    assert patterns["blue 424 · model 500"] == patterns["green 424 · model 500"] != patterns["blue 408"]
    colours = {each.name: each.marker.color for each in figure.data}
    assert colours["blue 424 · model 500"] == colours["blue 408"] != colours["green 424 · model 500"]
