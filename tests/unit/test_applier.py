"""Applying a plan in the background: phases, read-back, refusals, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.azure.connection import Connection, connect
from services.errors import Conflict, RuleBroken, ServiceFailed, SignInFailed, Throttled, Unreachable
from services.model import Deployment, Endpoint, Split
from services.settings import Settings
from services.traffic.applier import Application, Applier
from services.traffic.plan import Plan, plan
from tests.values import deployments, endpoint

WAIT_SECONDS = 10.0


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Azure:
    """One endpoint in memory. ``hold`` keeps a write waiting until it is set; ``stale_reads`` answer the old split."""

    def __init__(self, start: Split, names: tuple[str, ...] = ("blue", "green")) -> None:
        self.split = start
        self.names = names
        self.hold = threading.Event()
        self.hold.set()
        self.writing = threading.Event()
        self.writes = 0
        self.stale_reads: list[Split | Exception] = []
        self.write_fails: Exception | None = None

    def get_endpoint(self, _conn: Connection, name: str) -> Endpoint:
        if self.writes and self.stale_reads:
            stale = self.stale_reads.pop(0)
            if isinstance(stale, Exception):
                raise stale
            return endpoint(stale.live, stale.mirror, name=name)
        return endpoint(self.split.live, self.split.mirror, name=name)

    def list_deployments(self, _conn: Connection, _endpoint: str) -> list[Deployment]:
        return deployments(*self.names)

    def write_split(
        self, _conn: Connection, _name: str, expected: Split, after: Split, /, *, on_phase: Callable[[str], None]
    ) -> None:
        assert expected == self.split
        on_phase("writing")
        self.writing.set()
        assert self.hold.wait(WAIT_SECONDS)
        if self.write_fails:
            raise self.write_fails
        on_phase("waiting")
        self.writes += 1
        self.split = after


@pytest.fixture
def conn(tmp_path: Path) -> Connection:
    environ = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZUREML_WORKSPACE_NAME": "w"}
    return connect(Settings.read(environ, tmp_path))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def azure() -> Azure:
    return Azure(Split({"blue": 100}))


@pytest.fixture
def applier(conn: Connection, azure: Azure, clock: Clock) -> Applier:
    return Applier(conn, endpoints=azure, now=clock.now, sleep=clock.sleep)


def shift(percent: int) -> Plan:
    live = {"blue": 100 - percent, "green": percent}
    return plan(endpoint({"blue": 100}), deployments("blue", "green"), live, None, 0)


def finished(applier: Applier) -> Application:
    """The application on the endpoint once its thread has ended."""
    for thread in threading.enumerate():
        if thread.name == "apply digits":
            thread.join(WAIT_SECONDS)
    application = applier.current("digits")
    assert application is not None
    assert not application.is_running
    return application


def test_nothing_was_applied_yet(applier: Applier) -> None:
    assert applier.current("digits") is None


def test_a_plan_is_written_and_read_back(applier: Applier, azure: Azure) -> None:
    first = applier.start(shift(30))
    last = finished(applier)

    assert first.is_running
    assert (last.phase, last.error) == ("done", None)
    assert azure.split == Split({"blue": 70, "green": 30})


def test_a_reader_that_lags_behind_is_asked_again(applier: Applier, azure: Azure) -> None:
    azure.stale_reads = [Split({"blue": 100}), Unreachable("a.", "b.", "c."), Split({"blue": 100})]
    applier.start(shift(30))
    last = finished(applier)

    assert last.phase == "done"
    assert last.elapsed_seconds == 3


def test_another_split_after_the_write_is_a_conflict_that_shows_it(applier: Applier, azure: Azure) -> None:
    azure.stale_reads = [Split({"green": 100})] * 1000
    applier.start(shift(30))
    last = finished(applier)

    assert last.phase == "failed"
    assert isinstance(last.error, Conflict)
    assert last.error.theirs == Split({"green": 100})
    assert last.elapsed_seconds == 60


def test_a_write_that_fails_keeps_its_error(applier: Applier, azure: Azure) -> None:
    azure.write_fails = Conflict("a.", "b.", "c.", theirs=Split({"green": 100}))
    applier.start(shift(30))
    last = finished(applier)

    assert (last.phase, last.error) == ("failed", azure.write_fails)
    assert azure.split == Split({"blue": 100})


def test_a_bug_on_the_way_ends_as_an_error_too(
    applier: Applier, azure: Azure, caplog: pytest.LogCaptureFixture
) -> None:
    azure.write_fails = ZeroDivisionError()
    applier.start(shift(30))

    assert isinstance(finished(applier).error, ServiceFailed)
    assert "ZeroDivisionError" in caplog.text


def test_rules_are_checked_against_the_deployments_of_that_moment(applier: Applier, azure: Azure) -> None:
    azure.names = ("blue",)
    applier.start(shift(30))
    last = finished(applier)

    assert isinstance(last.error, RuleBroken)
    assert "no deployment named green" in last.error.why
    assert azure.writes == 0


def test_the_same_plan_twice_is_applied_once(applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    applier.start(shift(30))
    assert azure.writing.wait(WAIT_SECONDS)
    second = applier.start(shift(30))
    azure.hold.set()

    assert second.phase == "writing"
    assert finished(applier).phase == "done"
    assert azure.writes == 1


def test_another_plan_meanwhile_is_refused(applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    applier.start(shift(30))
    assert azure.writing.wait(WAIT_SECONDS)
    with pytest.raises(Conflict) as caught:
        applier.start(shift(40))
    azure.hold.set()

    assert caught.value.theirs == Split({"blue": 70, "green": 30})
    assert finished(applier).phase == "done"


def test_after_one_is_done_the_next_may_start(applier: Applier, azure: Azure) -> None:
    applier.start(shift(30))
    finished(applier)
    back = plan(endpoint({"blue": 70, "green": 30}), deployments("blue", "green"), {"blue": 100}, None, 0)
    applier.start(back)

    assert finished(applier).phase == "done"
    assert azure.split == Split({"blue": 100})


def test_a_plan_that_changes_nothing_is_refused(applier: Applier) -> None:
    with pytest.raises(RuleBroken, match="changes nothing"):
        applier.start(shift(0))


def test_many_clicks_at_once_write_once(applier: Applier, azure: Azure) -> None:
    azure.hold.clear()
    gate = threading.Barrier(8)

    def click() -> None:
        gate.wait(WAIT_SECONDS)
        applier.start(shift(30))

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join(WAIT_SECONDS)
    azure.hold.set()

    assert finished(applier).phase == "done"
    assert azure.writes == 1


def test_a_read_back_that_is_refused_for_a_while_is_repeated(applier: Applier, azure: Azure) -> None:
    azure.stale_reads = [Throttled("a.", "b.", "c."), SignInFailed("a.", "b.", "c.")]
    applier.start(shift(30))
    assert finished(applier).phase == "done"


def test_a_written_split_that_cannot_be_read_back_is_said_to_be_written(applier: Applier, azure: Azure) -> None:
    azure.stale_reads = [SignInFailed("a.", "b.", "c.")] * 1000
    applier.start(shift(30))
    error = finished(applier).error
    assert isinstance(error, SignInFailed)
    assert error.what == "The split of digits was written but could not be confirmed."
