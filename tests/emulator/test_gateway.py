"""The scoring gateway, with real instances of the inference server behind it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections import Counter

import pytest
from scipy import stats

from emulator.scoring.model import EndpointRoute
from tests.emulator.scoring_rig import KEY, SECRET, Rig, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


async def test_an_answer_carries_the_documented_headers(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    reply = await rig.send({"n": 1}, headers={"x-ms-client-request-id": "my id/№1!" + "x" * 60, "x-request-id": "mine"})
    assert reply.status == 200
    assert reply.json()["echo"] == {"n": 1}
    headers = reply.headers
    assert headers["server"] == "azureml-frontdoor"
    assert headers["azureml-model-deployment"] == headers["azureml-model-session"] == "blue"
    assert headers["x-request-id"] == headers["x-ms-request-id"] == str(uuid.UUID(headers["x-request-id"]))
    assert headers["x-ms-client-request-id"] == ("myid1" + "x" * 60)[:40]
    assert headers["x-ms-run-function-failed"] == "False"
    assert headers["x-ms-server-version"].startswith("azmlinfsrv/")
    [row] = await rig.rows(1)
    assert (row["status"], row["model_status"], row["reason"], row["deployment"]) == (200, 200, "", "blue")
    assert (row["kind"], row["route"], row["auth"], row["mirrored"]) == ("live", "split", "key", 0)
    assert row["request_id"] == headers["x-request-id"]
    assert row["request_bytes"] == len(b'{"n": 1}')
    assert row["response_bytes"] == len(reply.body)
    assert 0 < row["model_ms"] < row["total_ms"]


async def test_only_a_key_of_the_endpoint_opens_it(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    missing = await rig.send(key=None)
    assert (missing.status, missing.body) == (401, b"key_auth_bad_header_forbidden")
    wrong = await rig.send(key="not-the-key")
    assert (wrong.status, wrong.body) == (401, b"key_auth_access_denied")
    assert (await rig.send(path="/endpoints/shop/swagger.json", method="GET", key=None)).status == 401
    assert (await rig.send(key="secondary-key")).status == 200
    rows = await rig.rows(4)
    assert Counter(row["status"] for row in rows) == {401: 3, 200: 1}
    assert {row["deployment"] for row in rows if row["status"] == 401} == {""}


async def test_the_swagger_of_the_script_is_served(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    reply = await rig.send(path="/endpoints/shop/swagger.json", method="GET")
    assert reply.status == 200
    assert reply.json()["swagger"] == "2.0"


async def test_nothing_to_route_to_is_404(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 0})
    assert (await rig.send()).status == 404
    assert (await rig.send(path="/endpoints/other/score")).status == 404
    assert (await rig.send(path="/endpoints/shop/else")).status == 404
    assert (await rig.send(headers={"azureml-model-deployment": "green"})).status == 404
    pinned = await rig.send(headers={"azureml-model-deployment": "blue"})
    assert pinned.status == 200
    rows = await rig.rows(3)
    assert [(row["status"], row["route"], row["deployment"]) for row in rows] == [
        (404, "split", ""),
        (404, "pinned", ""),
        (200, "pinned", "blue"),
    ]


async def test_requests_are_split_by_weight_and_a_change_is_immediate(rig: Rig) -> None:
    await rig.deploy("blue", "green", max_concurrent_requests=1000)
    await rig.route({"blue": 70, "green": 30})
    replies = await asyncio.gather(*(rig.send({"n": n}) for n in range(600)))
    counts = Counter(reply.headers["azureml-model-deployment"] for reply in replies)
    assert {reply.status for reply in replies} == {200}
    assert stats.chisquare([counts["blue"], counts["green"]], [420, 180]).pvalue > 1e-7
    await rig.route({"green": 100})
    after = [await rig.send({"n": n}) for n in range(20)]
    assert {reply.headers["azureml-model-deployment"] for reply in after} == {"green"}


async def test_a_weight_change_under_load_loses_no_request(rig: Rig) -> None:
    await rig.deploy("blue", "green")
    await rig.route({"blue": 100})
    statuses: Counter[int] = Counter()
    stop = asyncio.Event()

    async def caller() -> None:
        while not stop.is_set():
            statuses[(await rig.send({"n": 0})).status] += 1

    callers = [asyncio.create_task(caller()) for _ in range(8)]
    for percent in (90, 50, 10, 0, 100, 33):
        before = statuses.total()
        await rig.route({"blue": percent, "green": 100 - percent})
        while statuses.total() < before + 20:
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*callers)
    assert set(statuses) == {200}


async def test_every_one_of_200_callers_gets_their_own_answer(rig: Rig) -> None:
    await rig.deploy("blue", instance_count=2)
    await rig.route({"blue": 100})
    replies = await asyncio.gather(*(rig.send({"n": n, "pad": "x" * n}) for n in range(200)))
    assert [reply.json()["echo"]["n"] for reply in replies] == list(range(200))
    assert len({reply.headers["x-request-id"] for reply in replies}) == 200
    assert len({reply.json()["pid"] for reply in replies}) == 2


async def test_what_the_script_raises_is_424_with_the_reason(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    reply = await rig.send({"raise": "the payload is wrong"})
    assert reply.status == 424
    assert reply.headers["ms-azureml-model-error-statuscode"] == "500"
    assert reply.headers["ms-azureml-model-error-reason"] == "model_error"
    assert reply.headers["x-ms-run-function-failed"] == "True"
    assert "unexpected error occurred in scoring script" in reply.json()["message"]
    [row] = await rig.rows(1)
    assert (row["status"], row["model_status"], row["reason"]) == (424, 500, "model_error")
    assert "ValueError: the payload is wrong" in await rig.logged("payload is wrong")


async def test_a_script_that_takes_too_long_is_408(rig: Rig) -> None:
    await rig.deploy("blue", request_timeout_ms=300)
    await rig.route({"blue": 100})
    assert (await rig.send({"sleep": 2})).status == 408
    [row] = await rig.rows(1)
    assert (row["status"], row["reason"], row["deployment"]) == (408, "timeout", "blue")
    # The event loop counts whole milliseconds, so that a timer may fire one early.
    assert row["total_ms"] >= 299


# A model is synchronous code, in a process of its own: it can only look whether the file is there.
GATED = """
import os, time
def init(): pass
def run(raw):
    while not os.path.exists("{gate}"): time.sleep(0.01)
    return 1
"""


async def test_more_than_twice_the_concurrency_is_429(rig: Rig) -> None:
    gate = rig.state / "gate"
    (rig.code / "score.py").write_text(GATED.format(gate=gate))
    await rig.deploy("blue", max_concurrent_requests=2, request_timeout_ms=60_000)
    await rig.route({"blue": 100})
    asked = [asyncio.create_task(rig.send({"n": n})) for n in range(7)]

    async def three_are_refused() -> bool | None:
        return True if sum(each.done() for each in asked) >= 3 else None

    # Nothing is answered before: the others are all under way at once, however slow the machine is.
    await eventually(three_are_refused)
    gate.touch()
    replies = await asyncio.gather(*asked)
    refused = [reply for reply in replies if reply.status == 429]
    assert Counter(reply.status for reply in replies) == {200: 4, 429: 3}
    assert {reply.headers["ms-azureml-model-error-reason"] for reply in refused} == {"too_many_pending_request"}
    assert {(reply.body, reply.headers["content-type"]) for reply in refused} == {(b"", "text/plain")}


async def test_a_body_beyond_the_limit_is_413_and_a_large_one_passes(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    assert (await rig.send({"n": 5, "pad": "y" * 3_000_000})).json()["echo"]["n"] == 5
    connector = rig.client.connector
    assert connector is not None
    reader, writer = await asyncio.open_connection("localhost", rig.port, ssl=connector._ssl)  # type: ignore[attr-defined] # aiohttp publishes no trust
    writer.write(
        f"POST /endpoints/shop/score HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        "content-length: 999999999\r\n\r\n".encode()
    )
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_caller_that_leaves_frees_its_place(rig: Rig) -> None:
    await rig.deploy("blue", max_concurrent_requests=1)
    await rig.route({"blue": 100})
    leaving = asyncio.create_task(rig.send({"sleep": 4}))
    await rig.logged("sleeping")
    leaving.cancel()
    [row] = await rig.rows(1)
    assert (row["status"], row["reason"]) == (499, "client_disconnected")
    assert (await rig.send({"n": 1})).status == 200


async def test_a_request_without_record_leaves_no_row_but_says_what_it_would_have_been(rig: Rig) -> None:
    await rig.deploy("blue", "green")
    await rig.route({"blue": 100}, {"green": 50})
    quiet = {"x-emulator-record": "no", "x-emulator-secret": SECRET}
    for _ in range(20):
        reply = await rig.send({"n": 1}, headers=quiet)
        row = json.loads(reply.headers["x-emulator-row"])
        assert (row["status"], row["deployment"], row["mirrored"]) == (200, "blue", 0)
    assert (await rig.send(headers={"x-emulator-record": "no", "x-emulator-secret": "guess"})).status == 403
    marked = await rig.send({"n": 2}, headers={"azureml-model-deployment": "blue"})
    rows = await rig.rows(1)
    assert [entry["request_id"] for entry in rows] == [marked.headers["x-request-id"]]
    rig.telemetry.append([row])
    assert len(await rig.rows(2)) == 2


async def test_the_key_and_internal_headers_stay_at_the_gateway(rig: Rig) -> None:
    (rig.code / "score.py").write_text(
        "def init(): pass\ndef run(raw, request_headers): return dict(request_headers)\n"
    )
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    reply = await rig.send(
        {}, headers={"x-emulator-secret": SECRET, "x-mine": "yes", "connection": "x-hop", "x-hop": "1"}
    )
    seen = {name.lower(): value for name, value in reply.json().items()}
    assert seen["x-mine"] == "yes"
    assert seen["x-request-id"] == reply.headers["x-request-id"]
    assert not {"authorization", "x-emulator-secret", "x-hop"} & seen.keys()


async def test_a_gateway_that_dies_comes_back_with_its_table(rig: Rig) -> None:
    await rig.deploy("blue")
    await rig.route({"blue": 100})
    pid = rig.gateway.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await rig.gateway.set_endpoint("late", EndpointRoute((KEY,), {}, {}))
    assert rig.gateway.pid != pid
    assert (await rig.send({"n": 1})).status == 200
    assert (await rig.send(path="/endpoints/late/score")).status == 404
