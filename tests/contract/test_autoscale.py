"""Autoscale settings through Sluice: nothing is lost, nothing is overwritten unseen, and instances really follow."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.autoscale import editing, saving, startup
from services.autoscale.lint import lint
from services.autoscale.metrics import METRICS, find
from services.autoscale.remark import Situation
from services.autoscale.rules import Wish, new_setting, rule
from services.autoscale.settings import DEPLOYMENTS, Setting
from services.autoscale.zones import NAMES, zone
from services.azure import autoscale
from services.azure.autoscale_events import Scaling, scalings
from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.deploying.model import Job, Level
from services.errors import Conflict, SluiceError
from services.jobs.jobs import Jobs
from services.jobs.worker import Worker, Write
from services.model import Deployment
from services.scoring.request import ScoringRequest
from services.scoring.sending import send
from services.store import Store
from tests.autoscale_corpus import BAD, BLUE, GOOD
from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME = "sluice-elastic"


@pytest.fixture(scope="module")
def endpoint(local_azure: LocalAzure) -> Iterator[str]:
    """An endpoint whose blue and green have no processes."""
    names = [{"name": name, "capacity": 2} for name in ("blue", "green")]
    local_azure.control("POST", "seed", {"endpoints": [{"name": NAME, "deployments": names}]}).raise_for_status()
    yield f"{local_azure.workspace}/onlineEndpoints/{NAME}"
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{NAME}"))


@pytest.fixture
def make_worker(tmp_path: Path) -> Iterator[Callable[[Connection], Worker]]:
    made: list[Worker] = []

    def make(conn: Connection) -> Worker:
        store = Store(tmp_path / f"jobs-{len(made)}.db")
        made.append(Worker(conn, Jobs(store, conn.arm_host)))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def blue(conn: Connection, endpoint: str = NAME, name: str = "blue") -> Deployment:
    return next(each for each in list_deployments(conn, endpoint) if each.name == name)


@pytest.fixture
def held(
    conn: Connection, endpoint: str, make_worker: Callable[[Connection], Worker]
) -> Iterator[tuple[Worker, Deployment, Setting]]:
    """A setting of blue that is on but for the engine, with fields that Sluice has no words for."""
    worker, deployment = make_worker(conn), blue(conn)
    document = new_setting(deployment.id, "westeurope", 2)
    document["tags"] = {"team": "a"}
    document["properties"] |= {
        "enabled": False,
        "notifications": [{"operation": "Scale", "email": {"customEmails": ["a@example.com"]}, "webhooks": []}],
        "predictiveAutoscalePolicy": {"scaleMode": "ForecastOnly", "scaleLookAheadTime": "PT5M"},
    }
    yield worker, deployment, saving.save(conn, worker, deployment, None, document, "tests")
    left = autoscale.setting_of(conn, deployment.id)
    if left is not None:
        saving.delete(conn, worker, deployment, left, "tests")


def test_a_change_changes_nothing_else(conn: Connection, held: tuple[Worker, Deployment, Setting]) -> None:
    worker, deployment, before = held
    after = saving.save(conn, worker, deployment, before, editing.with_limits(before.raw, 0, 3, 9, 3), "tests")
    assert (after.profiles[0].minimum, after.profiles[0].maximum) == (3, 9)
    again = saving.save(conn, worker, deployment, after, editing.with_limits(after.raw, 0, 2, 4, 2), "tests")
    assert autoscale.is_same(again, before)
    assert again.raw["properties"]["predictiveAutoscalePolicy"]["scaleMode"] == "ForecastOnly"
    assert again.raw["properties"]["notifications"][0]["email"]["customEmails"] == ["a@example.com"]
    titles = [job.title for job in worker.jobs.all(conn.workspace, NAME)]
    assert titles == [
        "Change the autoscale setting of blue",
        "Change the autoscale setting of blue",
        "Make the autoscale setting of blue",
    ]


def test_a_change_made_meanwhile_is_not_overwritten(
    conn: Connection, local_azure: LocalAzure, held: tuple[Worker, Deployment, Setting]
) -> None:
    worker, deployment, before = held
    theirs = editing.with_limits(before.raw, 0, 4, 6, 4)
    local_azure.arm("PUT", before.id, autoscale.writable(theirs), version="2022-10-01").raise_for_status()
    with pytest.raises(Conflict, match="Somebody has changed"):
        saving.save(conn, worker, deployment, before, editing.with_enabled(before.raw, True), "tests")
    with pytest.raises(Conflict):
        saving.save(conn, worker, deployment, None, before.raw, "tests")
    with pytest.raises(Conflict):
        saving.delete(conn, worker, deployment, before, "tests")
    now = autoscale.setting_of(conn, deployment.id)
    assert now is not None
    assert now.profiles[0].minimum == 4


def test_a_change_made_while_the_job_begins_is_not_overwritten(
    conn: Connection, local_azure: LocalAzure, tmp_path: Path, held: tuple[Worker, Deployment, Setting]
) -> None:
    _, deployment, before = held
    theirs = autoscale.writable(editing.with_limits(before.raw, 0, 4, 6, 4))

    class Overtaken(Worker):
        """Somebody else writes after the person's setting was compared, and before the job has begun."""

        def write(self, *args: Any, **kwargs: Any) -> Job:
            local_azure.arm("PUT", before.id, theirs, version="2022-10-01").raise_for_status()
            return super().write(*args, **kwargs)

    mine = editing.with_limits(before.raw, 0, 1, 3, 1)
    actions: tuple[Callable[[Worker], object], ...] = (
        lambda worker: saving.save(conn, worker, deployment, before, mine, "tests"),
        lambda worker: saving.delete(conn, worker, deployment, before, "tests"),
    )
    for number, act in enumerate(actions):
        local_azure.arm("PUT", before.id, autoscale.writable(before.raw), version="2022-10-01").raise_for_status()
        worker = Overtaken(conn, Jobs(Store(tmp_path / f"overtaken-{number}.db"), conn.arm_host))
        try:
            with pytest.raises(SluiceError, match="Somebody has changed"):
                act(worker)
        finally:
            worker.stop()
        now = autoscale.setting_of(conn, deployment.id)
        assert now is not None
        assert now.profiles[0].minimum == 4


def test_a_save_that_somebody_cancels_is_not_told_as_going_on(
    conn: Connection, tmp_path: Path, held: tuple[Worker, Deployment, Setting]
) -> None:
    _, deployment, before = held

    class Cancelled(Worker):
        """Somebody presses Cancel before anything has left."""

        def write(
            self,
            conn: Connection,
            action: str,
            title: str,
            endpoint: str,
            deployment: str,
            request: Write,
            person: str,
            *,
            job_id: str = "",
        ) -> Job:
            def look() -> object:
                self.cancel(self.jobs.running()[0])
                return request.look() if request.look else request.body

            request_then = replace(request, look=look)
            return super().write(conn, action, title, endpoint, deployment, request_then, person, job_id=job_id)

    worker = Cancelled(conn, Jobs(Store(tmp_path / "cancelled.db"), conn.arm_host))
    try:
        with pytest.raises(Conflict, match="cancelled the job before anything was sent") as told:
            saving.save(conn, worker, deployment, before, editing.with_enabled(before.raw, True), "tests")
    finally:
        worker.stop()
    assert "goes on" not in str(told.value)
    now = autoscale.setting_of(conn, deployment.id)
    assert now is not None
    assert autoscale.is_same(now, before)


def test_what_azure_refuses_is_told_in_its_words(conn: Connection, held: tuple[Worker, Deployment, Setting]) -> None:
    worker, deployment, before = held
    with pytest.raises(SluiceError, match="minimum 9"):
        saving.save(conn, worker, deployment, before, editing.with_limits(before.raw, 0, 9, 2, 3), "tests")
    saving.delete(conn, worker, deployment, before, "tests")
    saving.delete(conn, worker, deployment, before, "tests")
    assert autoscale.setting_of(conn, deployment.id) is None


def test_who_may_only_look_is_told_the_role(
    connect_to: Callable[..., Connection],
    local_azure: LocalAzure,
    make_worker: Callable[[Connection], Worker],
    held: tuple[Worker, Deployment, Setting],
) -> None:
    _, deployment, before = held
    reader = connect_to(local_azure, role="reader")
    assert autoscale.setting_of(reader, deployment.id) is not None
    with pytest.raises(SluiceError, match="Monitoring Contributor"):
        saving.save(reader, make_worker(reader), deployment, before, editing.with_enabled(before.raw, True), "tests")


def moved(document: dict[str, Any], deployment_id: str) -> dict[str, Any]:
    """A document of the corpus for a real deployment."""
    endpoint, corpus = deployment_id.rpartition("/deployments/")[0], BLUE.rpartition("/deployments/")[0]
    text = re.sub(re.escape(corpus), endpoint, json.dumps(document), flags=re.IGNORECASE)
    return {"location": "westeurope", **json.loads(text)}


def test_what_azure_refuses_lint_calls_an_error_and_a_good_setting_is_taken(
    local_azure: LocalAzure, endpoint: str
) -> None:
    deployment_id = f"{endpoint}/deployments/blue"
    path = f"{local_azure.workspace.split('/providers/')[0]}/providers/microsoft.insights/autoscalesettings/corpus"
    known = Situation(deployment_id, datetime.now(UTC), startup_seconds=240)
    missed, certain, refused = [], [], []
    for name, (_, document) in BAD.items():
        written = moved(document, deployment_id)
        is_certain = any(each.is_refused for each in lint(written, known))
        if name == "threshold is a word" or local_azure.arm("PUT", path, written, version="2022-10-01").ok:
            local_azure.arm("DELETE", path, version="2022-10-01")
            if is_certain:
                certain.append(name)
            continue
        if not any(each.level is Level.ERROR for each in lint(written, known)):
            missed.append(name)
    for name, document in GOOD.items():
        written = moved(document, deployment_id)
        written["properties"]["enabled"] = False
        answer = local_azure.arm("PUT", path, written, version="2022-10-01")
        if not answer.ok and "Microsoft.Storage" not in str(written):
            refused.append((name, answer.text))
        local_azure.arm("DELETE", path, version="2022-10-01")
    assert (missed, certain, refused) == ([], [], [])


def test_the_metrics_and_zones_are_those_of_azure(conn: Connection, endpoint: str) -> None:
    call = conn.call("The metrics could not be read.")
    for resource in (endpoint, f"{endpoint}/deployments/blue"):
        path = f"{resource}/providers/Microsoft.Insights/metricDefinitions"
        listed = {
            each["name"]["value"]: {dimension["value"] for dimension in each.get("dimensions") or ()}
            for each in conn.pages(path, call, api_version="2018-01-01")
        }
        namespace = DEPLOYMENTS if "/deployments/" in resource else DEPLOYMENTS.rpartition("/")[0]
        assert listed == {each.name: set(each.dimensions) for each in METRICS if each.namespace == namespace}
    assert all(zone(name) for name in NAMES)


def test_instances_follow_the_load_out_and_in(
    conn: Connection, local_azure: LocalAzure, make_worker: Callable[[Connection], Worker]
) -> None:
    # An endpoint of its own: what is sent while the clock is ahead has no place among other tests' requests.
    azure, worker, name = local_azure, make_worker(conn), "follows-load"
    assert create_endpoint(azure, name).ok
    assert azure.finish(upload_and_put(azure, name, "green", 3), 240)["status"] == "Succeeded", azure.output()
    deployment = blue(conn, name, "green")
    metric = find("RequestsPerMinute", DEPLOYMENTS)
    assert metric is not None
    first = deployment.instance_count
    document = editing.with_limits(new_setting(deployment.id, "westeurope", first), 0, first, first + 1, first)
    document["properties"]["profiles"][0]["rules"] = [
        rule(Wish(metric, True, 15, cooldown_minutes=1), deployment.id),
        rule(Wish(metric, False, 4, cooldown_minutes=1), deployment.id),
    ]
    known = Situation(deployment.id, conn.now(), startup_seconds=30)
    assert {each.level for each in lint(document, known)} <= {Level.NOTE}
    live = get_endpoint(conn, name)

    def load(requests: int) -> None:
        for _ in range(requests):
            assert send(conn, live, ScoringRequest(b'{"data": [1]}', deployment="green")).status == 200

    def until(instances: int) -> None:
        deadline = time.monotonic() + 240
        while (now := blue(conn, name, "green")).instance_count != instances or now.state != "Succeeded":
            assert time.monotonic() < deadline, (now.instance_count, now.state, azure.output()[-3000:])

    def events() -> list[Scaling]:
        now, deadline = datetime.now(UTC), time.monotonic() + 60
        span = (now - timedelta(hours=1), now + timedelta(hours=2))
        while True:
            told = [each for each in scalings(conn, live.id, *span) if each.deployment == "green"]
            if len(told) > 1 and all(each.ended_at for each in told):
                return told
            assert time.monotonic() < deadline, told

    saved = None
    try:
        # Their mean over five minutes is above 15, even when earlier minutes had single requests and a minute ends
        # in between.
        load(120)
        azure.control("POST", "settings", {"autoscale_seconds": 0.2, "clock_shift_seconds": 60}).raise_for_status()
        saved = saving.save(conn, worker, deployment, None, document, "tests")
        until(first + 1)
        azure.control("POST", "settings", {"clock_shift_seconds": 600}).raise_for_status()
        load(2)
        azure.control("POST", "settings", {"clock_shift_seconds": 660}).raise_for_status()
        until(first)
        azure.control("POST", "settings", {"clock_shift_seconds": 700}).raise_for_status()
        told = events()
        assert [(each.old, each.new) for each in told] == [(first, first + 1), (first + 1, first)]
        assert startup.seconds(told, "green") is not None
    finally:
        azure.control("POST", "settings", {"autoscale_seconds": 30.0, "clock_shift_seconds": 0}).raise_for_status()
        if saved is not None:
            saving.delete(conn, worker, deployment, saved, "tests")
        azure.arm("DELETE", f"onlineEndpoints/{name}").raise_for_status()
