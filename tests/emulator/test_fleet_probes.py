"""Instances that hang, are busy, crash or come late, and the events that tell of it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from emulator.scoring.instances.probes import Tally, ask
from emulator.scoring.model import DeploymentFailed, Probe
from tests.emulator.scoring_rig import Rig, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]

QUICK = Probe(initial_delay_seconds=0, period_seconds=0.2, timeout_seconds=0.2, failure_threshold=3)
LATER = replace(QUICK, initial_delay_seconds=60)
"""As quick, once the instance serves."""
PATIENT = Probe()


def happened(rig: Rig) -> list[tuple[str, str]]:
    return [(event.name, event.message) for _, event in rig.events.since(0, "shop")]


def names(rig: Rig) -> list[str]:
    return [name for name, _ in happened(rig)]


@pytest.mark.parametrize("kind", ["Liveness", "Readiness"])
async def test_a_probe_that_never_passes_fails_the_deployment_and_is_told(rig: Rig, kind: str) -> None:
    (rig.code / "score.py").write_text("import time\ndef init(): time.sleep(600)\ndef run(raw): return 1\n")
    said = f"{kind} probe failed: HTTP probe failed with statuscode: 502"
    with pytest.raises(DeploymentFailed) as failure:
        await rig.deploy("blue", **{"liveness": PATIENT, "readiness": PATIENT, kind.lower(): QUICK})
    assert (failure.value.code, failure.value.message) == (
        "ResourceNotReady",
        f"User container has crashed or terminated: {said}",
    )
    failed = [(f"{kind}ProbeFailed", said)] * 3
    assert happened(rig) == [
        ("Pulled", "Container image is pulled successfully"),
        ("Created", "Created container inference-server"),
        ("Started", "Started container inference-server"),
        *failed,
        ("Killing", "Stopping container inference-server"),
    ]
    log = rig.fleet.logs("shop", "blue", "inference-server", 5)
    assert log.startswith("Instance status:\nSystemSetup: Succeeded\nUserContainerImagePull: Succeeded\n")
    assert "ModelDownload: Succeeded\nUserContainerStart: Failed\n\nContainer events:\nKind: Pod, Name: Pulled," in log
    assert f"Name: {kind}ProbeFailed, Type: Warning, Time: 20" in log
    assert log.count(f"Message: {said}\n") == 3


async def test_a_slow_start_within_the_probes_thresholds_is_no_failure(rig: Rig) -> None:
    (rig.code / "score.py").write_text("import time\ndef init(): time.sleep(1.5)\ndef run(raw): return 1\n")
    late = Probe(initial_delay_seconds=60, period_seconds=0.1, timeout_seconds=5, failure_threshold=1)
    twice = Probe(initial_delay_seconds=0, period_seconds=0.1, timeout_seconds=0.1, failure_threshold=9999)
    await rig.deploy("blue", liveness=late, readiness=twice)
    assert "LivenessProbeFailed" not in names(rig)
    assert "ReadinessProbeFailed" in names(rig)


async def test_a_hung_instance_is_replaced(rig: Rig) -> None:
    await rig.deploy("blue", liveness=LATER, readiness=LATER, request_timeout_ms=2_000)
    await rig.route({"blue": 100})
    worker = (await rig.send()).json()["pid"]
    [before] = rig.fleet.instances("shop", "blue")
    os.kill(worker, signal.SIGSTOP)
    assert (await rig.send()).status in (408, 424)

    async def served_again() -> int | None:
        reply = await rig.send()
        return reply.json()["pid"] if reply.status == 200 else None

    assert await eventually(served_again) != worker
    [after] = rig.fleet.instances("shop", "blue")
    assert (after.identity, after.is_ready) == (before.identity, True)
    assert after.pid != before.pid
    said = happened(rig)
    assert ("LivenessProbeFailed", "Liveness probe failed: HTTP probe failed with statuscode: 502") in said
    killed = said.index(("Killing", "Container inference-server failed liveness probe, will be restarted"))
    after_that = [name for name, _ in said[killed:] if not name.endswith("ProbeFailed")]
    assert after_that[:4] == ["Killing", "BackOff", "Created", "Started"]
    assert {event.instance for _, event in rig.events.since(0, "shop")} == {"", before.identity}


async def test_a_busy_instance_is_left_to_its_work(rig: Rig) -> None:
    # Microsoft's server answers probes between requests only: each of these makes them wait longer than they may.
    patient = replace(LATER, timeout_seconds=1.0)
    await rig.deploy("blue", liveness=patient, readiness=patient, max_concurrent_requests=1, request_timeout_ms=30_000)
    await rig.route({"blue": 100})
    replies = await asyncio.gather(*(rig.send({"sleep": 1.5}) for _ in range(2)))
    assert len({reply.json()["pid"] for reply in replies}) == 1
    assert "LivenessProbeFailed" not in names(rig)


async def test_an_instance_that_is_not_ready_gets_no_requests_until_it_is(rig: Rig) -> None:
    await rig.deploy("blue", readiness=LATER, request_timeout_ms=2_000)
    await rig.route({"blue": 100})
    worker = (await rig.send()).json()["pid"]
    os.kill(worker, signal.SIGSTOP)

    async def rested() -> bool | None:
        return None if rig.fleet.instances("shop", "blue")[0].is_ready else True

    await eventually(rested)
    os.kill(worker, signal.SIGCONT)

    async def back() -> bool | None:
        return True if rig.fleet.instances("shop", "blue")[0].is_ready else None

    await eventually(back)
    assert (await rig.send()).json()["pid"] == worker
    assert "BackOff" not in names(rig)


async def test_a_crashed_instance_leaves_an_event(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    await rig.send({"kill_server": True})

    async def restarted() -> bool | None:
        return True if names(rig).count("Started") == 2 else None

    await eventually(restarted)
    # On a slow machine a probe may fail while it starts.
    told = [name for name in names(rig) if not name.endswith("ProbeFailed")]
    assert told == ["Pulled", "Created", "Started", "BackOff", "Created", "Started"]
    assert ("BackOff", "Back-off restarting failed container inference-server") in happened(rig)


async def test_an_instance_that_cannot_be_started_for_a_while_comes_back(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    [folder] = (rig.state / "deployments/shop/blue/1/azureml-app").iterdir()
    away = folder.rename(folder.with_name("away"))
    # Events are lost meanwhile, as on a full disk.
    rig.events._connection.execute("ALTER TABLE events RENAME TO away")
    await rig.send({"kill_server": True})

    async def tried() -> bool | None:
        return "did not start: [Errno 2]" in caplog.text or None

    await eventually(tried)
    away.rename(folder)
    rig.events._connection.execute("ALTER TABLE away RENAME TO events")

    async def served() -> bool | None:
        return True if (await rig.send()).status == 200 else None

    await eventually(served)
    assert "The event BackOff of shop/blue is lost" in caplog.text


async def test_an_update_says_which_instance_went(rig: Rig) -> None:
    await rig.deploy("blue")
    [old] = rig.fleet.instances("shop", "blue")
    await rig.deploy("blue", environment_variables={"VERSION": "2"})
    [new] = rig.fleet.instances("shop", "blue")
    assert new.identity != old.identity
    gone = [event.instance for _, event in rig.events.since(0, "shop") if event.name == "Killing"]
    assert gone == [old.identity]


async def test_what_an_instance_uses_is_measured(rig: Rig) -> None:
    await rig.deploy("blue", instance_count=2, memory_gb=0.5)
    await rig.route({"blue": 100})
    wanted = {
        *("CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage", "DiskUtilization", "DeploymentCapacity"),
    }

    async def measured() -> dict[tuple[str, str], float] | None:
        found = rig.gauges.minutes("shop", 0, 10**10, "blue")
        highest: dict[tuple[str, str], float] = {}
        for each in found:
            key = (each.metric, each.dimensions["instanceId"])
            highest[key] = max(highest.get(key, 0.0), each.maximum)
        return highest if len(highest) == 2 * len(wanted) else None

    values = await eventually(measured)
    views = rig.fleet.instances("shop", "blue")
    assert set(values) == {(metric, view.identity) for metric in wanted for view in views}
    for view in views:
        assert values["DeploymentCapacity", view.identity] == 1
        # Flask, gunicorn and the rest take at least 20 MB of the 512 that this size has.
        assert 4 < values["CpuMemoryUtilizationPercentage", view.identity] < 100
        assert 0 < values["DiskUtilization", view.identity] <= 100
    states = {each.dimensions.get("State") for each in rig.gauges.minutes("shop", 0, 10**10, "blue")}
    assert states == {"Ready", None}
    worker = (await rig.send()).json()["pid"]
    assert worker

    async def spun() -> bool | None:
        # Again and again: on a slow machine others have the processor at times.
        await rig.send({"spin": 1.0})
        found = rig.gauges.minutes("shop", 0, 10**10, "blue")
        return True if any(each.metric.startswith("CpuU") and each.maximum > 10 for each in found) else None

    await eventually(spun, seconds=240)


def test_a_probe_decides_by_answers_in_a_row() -> None:
    tally = Tally(Probe(failure_threshold=2, success_threshold=2))
    verdicts = []
    for status in (502, 200, 502, 500, 200, 200):
        tally.note(status)
        verdicts.append((tally.failed, tally.passed))
    assert verdicts == [(False, False)] * 3 + [(True, False), (False, False), (False, True)]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 503 Busy\r\n\r\n", 503),
        (b"SSH-2.0 200\r\n", 502),
        (b"HTTP/1.1 no\r\n", 502),
        (b"", 502),
    ],
)
async def test_only_an_answer_in_http_counts(said: bytes, status: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await ask(port, 5) == status
    assert await ask(port, 5) == 502
