"""The Shadow page on a running local Azure: the form, the running test, the frozen verdict, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.comparison.criteria import Criteria
from services.comparison.judge import Arm, Judge, Standing
from services.shadow.judging import from_view
from services.shadow.model import Minute, Pair, Run, RunState
from services.shadow.runs import Runs
from tests.local_azure import LocalAzure
from tests.pages.conftest import SPLIT, Page, write_split
from ui import context

pytestmark = pytest.mark.emulator
PAIR = Pair("blue", "green")
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BEGAN = NOW - timedelta(hours=2)


@pytest.fixture
def azure(seeded: LocalAzure) -> Iterator[LocalAzure]:
    """The seeded local Azure; after the test nothing looks after its runs, and its split is what it was."""
    yield seeded
    if context.is_configured():
        context.shadow().stop()
    write_split(seeded, {"blue": 100}, {"green": 20})


def arm(requests: int, errors: int = 0, *, ms: float = 50.0, seed: int = 0) -> Arm:
    spread = np.exp(np.random.default_rng(seed).normal(0, 0.3, requests - errors))
    return Arm(requests, errors, ms * spread)


def minutes(count: int, *, ms: float = 50.0, errors: int = 0, requests: int = 20) -> tuple[Minute, ...]:
    return tuple(
        Minute(
            BEGAN + timedelta(minutes=number),
            arm(requests, seed=number),
            arm(requests, min(errors, requests), ms=ms, seed=number + 1000),
        )
        for number in range(count)
    )


def endpoint_id(azure: LocalAzure, name: str = SPLIT) -> str:
    return str(azure.arm("GET", f"onlineEndpoints/{name}").json()["id"])


def keep(azure: LocalAzure, kept: Sequence[Minute], run_id: str = "run-1", **other: object) -> Run:
    """A running run with these minutes, which no keeper looks after for now."""
    runs = context.shadow().runs
    run = Run(
        run_id, endpoint_id(azure), PAIR, 20, Criteria(), BEGAN, NOW + timedelta(hours=1), "somebody", set_at=BEGAN
    )
    assert runs.take(run_id, "another process", datetime.now(UTC))
    runs.begin(replace(run, **other))  # type: ignore[arg-type]  # the fields of Run
    runs.add_minutes(run_id, kept, counts="deployment metrics", rows="console log")
    return run


def end(run_id: str = "run-1", state: RunState = RunState.ENDED, why: str = "Its time was over.") -> None:
    runs: Runs = context.shadow().runs
    runs.end(run_id, state, why, NOW)
    ended = runs.get(run_id)
    assert ended is not None
    runs.freeze(run_id, from_view(context.shadow().standing(ended)))


def standing(judge: Judge, name: str) -> Standing:
    return next(each for each in judge.standings() if each.name == name)


def test_without_a_run_it_says_what_a_shadow_test_is_and_offers_one(
    open_page: Callable[..., Page], azure: LocalAzure
) -> None:
    page = open_page("shadow", azure, endpoint=SPLIT)
    assert "PASS, FAIL or NEED MORE" in page.html()
    assert page.app.selectbox(key=f"shadow_candidate:{SPLIT}").options == ["green"]
    assert page.app.number_input(key=f"shadow_percent:{SPLIT}:green").value == 20, "the mirror that is set already"
    assert not page.app.button(key="start_shadow").disabled
    assert "What green must not be worse by" in [each.value for each in page.app.header]
