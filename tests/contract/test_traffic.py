"""Plans applied to a real endpoint: written, waited for, read back, and in effect."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.errors import Conflict
from services.journal.entry import APPLIED, DRIFT, REFUSED, Who
from services.journal.journal import Journal
from services.model import Split
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.store import Store
from services.traffic.application import Application
from services.traffic.applier import Applier
from services.traffic.plan import Plan, plan

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
Apply = Callable[[Plan], Application]
BODY = ScoringRequest(b'{"data": [1]}')


def wish(conn: Connection, name: str, live: dict[str, int], target: str | None = None, percent: int = 0) -> Plan:
    return plan(get_endpoint(conn, name), list_deployments(conn, name), live, target, percent)


@pytest.fixture
def journal(conn: Connection, tmp_path: Path) -> Iterator[Journal]:
    store = Store(tmp_path / "data" / "sluice.db")
    yield Journal(store, conn.arm_host)
    store.close()


@pytest.fixture
def apply(conn: Connection, journal: Journal) -> Iterator[Callable[[Plan], Application]]:
    applier = Applier(journal)

    def run(wanted: Plan) -> Application:
        applier.start(conn, wanted, change_id=uuid.uuid4().hex, who=Who("app", "ann"))
        done = applier.wait(wanted.endpoint.id, 60)
        assert done is not None
        return done

    yield run
    applier.stop()


def test_a_shift_is_read_back_and_in_effect(conn: Connection, served: str, split: Write, apply: Apply) -> None:
    done = apply(wish(conn, served, {"blue": 40, "green": 60}))
    endpoint = get_endpoint(conn, served)
    answered = Counter(send(conn, endpoint, BODY).deployment for _ in range(60))

    assert (done.outcome, done.error, done.held) == (APPLIED, None, endpoint.split)
    assert endpoint.split == Split({"blue": 40, "green": 60})
    # 60 draws at 60 %: outside of these in less than one of a million runs.
    assert 17 <= answered["green"] <= 54
    assert answered["blue"] + answered["green"] == 60


def test_promoting_the_mirrored_deployment_ends_its_mirror_in_one_write(
    conn: Connection, served: str, split: Write, apply: Apply
) -> None:
    split({"blue": 100}, {"green": 20})
    wanted = wish(conn, served, {"blue": 90, "green": 10}, "green", 20)

    done = apply(wanted)

    assert done.outcome == APPLIED
    assert get_endpoint(conn, served).split == Split({"blue": 90, "green": 10})
    assert "ends in the same write" in wanted.notes[0]


def test_a_mirror_is_set(conn: Connection, served: str, split: Write, apply: Apply) -> None:
    assert apply(wish(conn, served, {"blue": 100}, "green", 20)).outcome == APPLIED
    assert get_endpoint(conn, served).split == Split({"blue": 100}, {"green": 20})


def test_a_plan_made_before_somebody_elses_change_is_refused_with_their_split(
    conn: Connection, served: str, split: Write, apply: Apply, journal: Journal
) -> None:
    wanted = wish(conn, served, {"blue": 40, "green": 60})
    split({"green": 100})

    done = apply(wanted)

    assert (done.outcome, done.held) == (REFUSED, Split({"green": 100}))
    assert isinstance(done.error, Conflict)
    assert next((each.kind, each.after) for each in journal.entries()) == (DRIFT, Split({"green": 100}))
    assert get_endpoint(conn, served).split == Split({"green": 100})
