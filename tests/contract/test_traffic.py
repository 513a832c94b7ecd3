"""Plans applied to a real endpoint: written, waited for, read back, and in effect."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.errors import Conflict
from services.model import Split
from services.scoring import send
from services.traffic.applier import Application, Applier
from services.traffic.plan import Plan, plan
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

Write = Callable[..., None]
BODY = '{"data": [1]}'


def wish(conn: Connection, name: str, live: dict[str, int], target: str | None = None, percent: int = 0) -> Plan:
    return plan(get_endpoint(conn, name), list_deployments(conn, name), live, target, percent)


def apply(conn: Connection, wanted: Plan) -> Application:
    applier = Applier(conn)
    applier.start(wanted)
    for thread in threading.enumerate():
        if thread.name == f"apply {wanted.endpoint_name}":
            thread.join(60)
    done = applier.current(wanted.endpoint_name)
    assert done is not None
    return done


def test_a_shift_is_read_back_and_in_effect(conn: Connection, served: str, split: Write) -> None:
    done = apply(conn, wish(conn, served, {"blue": 40, "green": 60}))
    endpoint = get_endpoint(conn, served)
    answered = Counter(send(conn, endpoint, BODY).deployment for _ in range(60))

    assert (done.phase, done.error) == ("done", None)
    assert endpoint.split == Split({"blue": 40, "green": 60})
    # 60 draws at 60 %: outside of 20 and 50 in less than one of 10 000 runs.
    assert 20 <= answered["green"] <= 50
    assert answered["blue"] + answered["green"] == 60


def test_promoting_the_mirrored_deployment_ends_its_mirror_in_one_write(
    conn: Connection, served: str, split: Write
) -> None:
    split({"blue": 100}, {"green": 20})
    wanted = wish(conn, served, {"blue": 90, "green": 10}, "green", 20)

    done = apply(conn, wanted)

    assert done.phase == "done"
    assert get_endpoint(conn, served).split == Split({"blue": 90, "green": 10})
    assert "ends in the same write" in wanted.notes[0]


def test_a_mirror_is_set(conn: Connection, served: str, split: Write) -> None:
    assert apply(conn, wish(conn, served, {"blue": 100}, "green", 20)).phase == "done"
    assert get_endpoint(conn, served).split == Split({"blue": 100}, {"green": 20})


def test_a_plan_made_before_somebody_elses_change_is_refused_with_their_split(
    conn: Connection, served: str, split: Write, local_azure: LocalAzure
) -> None:
    wanted = wish(conn, served, {"blue": 40, "green": 60})
    split({"green": 100})

    done = apply(conn, wanted)

    assert done.phase == "failed"
    assert isinstance(done.error, Conflict)
    assert done.error.theirs == Split({"green": 100})
    assert get_endpoint(conn, served).split == Split({"green": 100})
