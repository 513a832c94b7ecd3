"""HTTP as strangers speak it: odd framing, odd headers, slow clients, models that misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from emulator.connection import MAX_HEAD_BYTES
from emulator.listener import Listener, listening
from emulator.scoring.gateway.client_connection import ClientConnection
from tests.emulator.gateway_rig import GatewayRig, Model, gateway_rig, head, model, read_answer

pytestmark = [pytest.mark.anyio, pytest.mark.emulator]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayRig]:
    async with gateway_rig(tmp_path_factory.mktemp("gateway")) as started:
        yield started


@pytest.fixture(scope="module")
async def blue() -> AsyncIterator[Model]:
    async with model("blue") as served:
        yield served


@pytest.fixture(scope="module")
async def green() -> AsyncIterator[Model]:
    async with model("green") as served:
        yield served


async def test_rows_tell_what_was_asked_and_when_it_moved(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    await rig.send(name, {"sleep": 0.05}, headers={"user-agent": "u" * 100})
    await rig.send(name, {"status": 503})
    await rig.send(name, path="/swagger.json?version=3", method="GET")
    first, second, third = await rig.rows(name, 3)
    assert (first["method"], first["path"], first["protocol"]) == ("POST", "/score", "HTTP/1.1")
    assert (first["model_status"], first["model_reason"], first["reason"]) == (200, "OK", "")
    assert first["user_agent"] == "u" * 70
    assert 0 <= first["request_ms"] < first["response_ms"] <= first["total_ms"]
    assert first["response_ms"] - first["request_ms"] >= 49
    assert (second["status"], second["model_status"], second["reason"]) == (424, 503, "model_error")
    assert second["model_reason"] == "Service Unavailable"
    assert (third["method"], third["path"], third["status"]) == ("GET", "/swagger.json", 200)


async def test_a_chunked_body_arrives_whole(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        body = json.dumps({"pad": "z" * 70_000}).encode()
        writer.write(head(name, "transfer-encoding: chunked"))
        for start in range(0, len(body), 10_000):
            part = body[start : start + 10_000]
            writer.write(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\ntrailer: ignored\r\n\r\n")
        status, _, answer = await read_answer(reader)
    assert (status, json.loads(answer)["size"]) == (200, len(body))
    [row] = await rig.rows(name, 1)
    assert row["request_bytes"] == len(body)


async def test_pipelined_requests_are_answered_in_order(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    bodies = [json.dumps({"n": n, "sleep": 0.05 if n % 3 == 0 else 0}).encode() for n in range(12)]
    async with rig.connection() as (reader, writer):
        writer.write(b"".join(head(name, f"content-length: {len(body)}") + body for body in bodies))
        answers = [json.loads((await read_answer(reader))[2])["echo"]["n"] for _ in bodies]
    assert answers == list(range(12))


async def test_a_connection_is_kept_over_every_kind_of_answer(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    asked = [({}, None, 200), ({"status": 500}, None, 424), ({}, "wrong", 401), ({"n": 1}, None, 200)]
    async with rig.connection() as (reader, writer):
        for body, key, expected in asked:
            data = json.dumps(body).encode()
            credential = {"key": key} if key else {}
            writer.write(head(name, f"content-length: {len(data)}", **credential) + data)
            assert (await read_answer(reader))[0] == expected
        writer.write(head(name, "connection: close", "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 200
        assert await reader.read() == b""


async def test_a_refused_body_does_not_become_the_next_request(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    smuggled = head(name, "content-length: 2") + b"{}"
    async with rig.connection() as (reader, writer):
        writer.write(head(name, f"content-length: {len(smuggled)}", key="wrong") + smuggled)
        assert (await read_answer(reader))[0] == 401
        writer.write(head(name, "content-length: 9") + b'{"n": 42}')
        status, _, answer = await read_answer(reader)
    assert (status, json.loads(answer)["echo"]) == (200, {"n": 42})


async def test_a_client_that_waits_for_100_continue_gets_it(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "expect: 100-continue", "content-length: 8"))
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert await reader.readline() == b"\r\n"
        writer.write(b'{"n": 1}')
        assert (await read_answer(reader))[0] == 200
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "expect: 100-continue", "content-length: 8", key="wrong"))
        assert (await read_answer(reader))[0] == 401


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "PATCH", "DELETE"])
async def test_the_model_decides_about_methods(rig: GatewayRig, blue: Model, method: str) -> None:
    name = await rig.endpoint(blue)
    reply = await rig.send(name, method=method, path="/score?version=3&x=%2Fa")
    assert reply.status == 200
    assert (reply.json()["method"], reply.json()["target"]) == (method, "/score?version=3&x=%2Fa")


async def test_a_head_request_gets_headers_alone(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        for expected in (200, 401):
            writer.write(head(name, method="HEAD", **({} if expected == 200 else {"key": "wrong"})))
            status, headers, _ = await read_answer(reader, has_body=False)
            assert (status, headers["server"]) == (expected, "azureml-frontdoor")
        writer.write(head(name, "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 200


async def test_methods_about_the_connection_are_405(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, method="TRACE"))
        assert (await read_answer(reader))[0] == 405


async def test_a_preflight_without_a_key_is_refused(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    reply = await rig.send(name, method="OPTIONS", key=None, headers={"origin": "https://example.com"})
    assert reply.status == 401
    assert not [header for header in reply.headers if header.startswith("access-control")]


@pytest.mark.parametrize("value", ["naïve café".encode(), "名前".encode(), b"plain"])
async def test_header_bytes_reach_the_model_as_they_were_sent(rig: GatewayRig, blue: Model, value: bytes) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        lines = head(name, "content-length: 2")[:-2]
        writer.write(lines + b"x-name: " + value + b"\r\n\r\n{}")
        assert (await read_answer(reader))[0] == 200
    assert dict(blue.asked[-1].raw_headers)[b"x-name"] == value


async def test_header_bytes_that_cannot_be_passed_on_are_refused(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "x-name: naïve", "content-length: 2") + b"{}")
        status, _, text = await read_answer(reader)
    assert (status, text) == (400, b"Header values beyond ASCII must be UTF-8 here.")
    [row] = await rig.rows(name, 1)
    assert row["reason"] == "bad_header"


async def test_header_bytes_of_the_model_reach_the_client_as_they_were_sent(rig: GatewayRig) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(
            b"HTTP/1.1 200 OK\r\nx-name: na\xefve\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"
        )
        writer.close()

    async with raw_model(answer) as odd:
        name = await rig.endpoint(odd)
        async with rig.connection() as (reader, writer):
            writer.write(head(name, "content-length: 2") + b"{}")
            received = await reader.readuntil(b"\r\n\r\n")
    assert b"x-name: na\xefve\r\n" in received
    assert received.count(b"set-cookie: ") == 2


async def test_the_gateways_own_headers_are_not_the_models_to_set(rig: GatewayRig) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Emulator-Row: {}\r\nx-own: 1\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with raw_model(answer) as odd:
        reply = await rig.send(await rig.endpoint(odd), {})
    assert reply.headers["x-own"] == "1"
    assert "x-emulator-row" not in reply.headers


async def test_the_words_of_a_status_line_may_be_any_bytes(rig: GatewayRig, blue: Model) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 500 na\xefve\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with raw_model(answer) as odd:
        name = await rig.endpoint(odd)
        assert (await rig.send(name, {})).status == 424
    [row] = await rig.rows(name, 1)
    assert (row["model_status"], row["model_reason"]) == (500, "na\xefve")


async def test_repeated_headers_all_reach_the_model(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "x-tag: one", "x-tag: two", "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 200
    assert blue.asked[-1].headers.getall("x-tag") == ["one", "two"]


@pytest.mark.parametrize(
    "lines",
    [
        ("content-length: 2", "content-length: 3"),
        ("content-length: 2", "transfer-encoding: chunked"),
        ("content-length: -1",),
        ("content-length: 1e3",),
        ("transfer-encoding: chunked, gzip",),
        ("bad header : x",),
        ("x-null: a\x00b",),
        ("host: another",),
        ("connection: upgrade", "upgrade: h2c", "content-length: 2"),
        ("connection: upgrade", "upgrade: websocket", "transfer-encoding: chunked"),
    ],
)
async def test_what_could_be_read_in_two_ways_is_400(rig: GatewayRig, blue: Model, lines: tuple[str, ...]) -> None:
    name = await rig.endpoint(blue)
    before = len(blue.asked)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, *lines) + b"{}\r\n\r\n")
        status, headers, _ = await read_answer(reader)
        assert (status, headers["connection"]) == (400, "close")
        assert await reader.read() == b""
    assert len(blue.asked) == before


async def test_a_request_without_a_host_is_400(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, "content-length: 2").replace(b"host: localhost\r\n", b"") + b"{}")
        assert (await read_answer(reader))[0] == 400


async def test_headers_beyond_the_limit_are_431(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        writer.write(head(name, f"x-large: {'v' * 8_000}", "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 200
        writer.write(head(name, *(f"x-{n}: {'v' * 8_000}" for n in range(MAX_HEAD_BYTES // 8_000 + 1))))
        assert (await read_answer(reader))[0] == 431


async def test_names_are_found_in_any_case(rig: GatewayRig, blue: Model, green: Model) -> None:
    name = await rig.endpoint(blue, green)
    assert (await rig.send(name.upper())).headers["azureml-model-deployment"] == "blue"
    pinned = await rig.send(name.title(), headers={"azureml-model-deployment": "GREEN"})
    assert (pinned.status, pinned.headers["azureml-model-deployment"]) == (200, "green")
    rows = await rig.rows(name, 2)
    assert [(row["endpoint"], row["deployment"]) for row in rows] == [(name, "blue"), (name, "green")]


async def test_two_pins_name_no_deployment(rig: GatewayRig, blue: Model, green: Model) -> None:
    name = await rig.endpoint(blue, green)
    async with rig.connection() as (reader, writer):
        pins = ("azureml-model-deployment: blue", "azureml-model-deployment: green")
        writer.write(head(name, *pins, "content-length: 2") + b"{}")
        assert (await read_answer(reader))[0] == 404


async def test_request_ids_are_ours_and_client_ids_are_cleaned(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    sent = {"x-request-id": "mine", "x-ms-request-id": "mine", "x-ms-client-request-id": "a b/c-_" + "9" * 60}
    reply = await rig.send(name, headers=sent)
    seen = blue.asked[-1].headers
    assert reply.headers["x-request-id"] == reply.headers["x-ms-request-id"] == seen["x-request-id"] != "mine"
    assert reply.headers["x-ms-client-request-id"] == seen["x-ms-client-request-id"] == ("abc-_" + "9" * 60)[:40]
    emptied = await rig.send(name, headers={"x-ms-client-request-id": "№!"})
    assert "x-ms-client-request-id" not in emptied.headers


async def test_what_a_model_says_of_its_run_is_passed_on(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    said = {"x-ms-run-function-failed": "True", "x-ms-run-fn-exec-ms": "1.5", "x-ms-server-version": "azmlinfsrv/9"}
    hidden = {"azureml-model-deployment": "other", "x-request-id": "theirs", "server": "gunicorn"}
    reply = await rig.send(name, {"status": 400, "headers": {**said, **hidden}})
    assert reply.status == 424
    assert said.items() <= reply.headers.items()
    assert reply.headers["ms-azureml-model-error-statuscode"] == "400"
    assert reply.headers["ms-azureml-model-error-reason"] == "model_error"
    assert reply.headers["azureml-model-deployment"] == "blue"
    assert not set(hidden.values()) & set(reply.headers.values())


async def test_every_other_status_of_the_model_becomes_424(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    for status in (201, 204, 302, 304, 401, 404, 429, 503):
        reply = await rig.send(name, {"status": status, "headers": {"location": "http://127.0.0.1:1/"}})
        assert (reply.status, reply.headers["ms-azureml-model-error-statuscode"]) == (424, str(status))


async def test_the_swagger_follows_split_and_pin(rig: GatewayRig, blue: Model, green: Model) -> None:
    name = await rig.endpoint(blue, green, mirror={"green": 50})
    reply = await rig.send(name, method="GET", path="/swagger.json?version=3")
    assert (reply.json()["model"], reply.json()["target"]) == ("blue", "/swagger.json?version=3")
    pin = {"azureml-model-deployment": "green"}
    assert (await rig.send(name, method="GET", path="/swagger.json", headers=pin)).json()["model"] == "green"
    assert {row["mirrored"] for row in await rig.rows(name, 2)} == {0}


@asynccontextmanager
async def raw_model(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Model]:
    """A model that speaks as badly as the test wants."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield Model("odd", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-odd: a\x01b\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    ],
)
async def test_an_answer_that_breaks_off_or_is_not_http_is_424(rig: GatewayRig, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(said)
        writer.close()

    async with raw_model(answer) as odd:
        name = await rig.endpoint(odd)
        reply = await rig.send(name, {"n": 1})
    assert (reply.status, reply.headers["ms-azureml-model-error-reason"]) == (424, "model_not_ready")
    [row] = await rig.rows(name, 1)
    assert (row["status"], row["reason"]) == (424, "model_not_ready")


async def test_a_large_answer_passes_and_one_beyond_any_measure_is_424(rig: GatewayRig, blue: Model) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n")
        try:
            while True:
                writer.write(bytes(1 << 20))
                await writer.drain()
        except ConnectionError:
            writer.close()

    name = await rig.endpoint(blue)
    assert len((await rig.send(name, {"size": 20_000_000})).body) == 20_000_000
    async with raw_model(answer) as odd:
        name = await rig.endpoint(odd)
        reply = await rig.send(name)
    assert (reply.status, reply.headers["ms-azureml-model-error-reason"]) == (424, "model_error")


async def test_large_headers_of_a_model_pass(rig: GatewayRig, blue: Model) -> None:
    name = await rig.endpoint(blue)
    async with rig.connection() as (reader, writer):
        body = json.dumps({"headers": {"x-large": "v" * 30_000}}).encode()
        writer.write(head(name, f"content-length: {len(body)}") + body)
        assert len((await read_answer(reader))[1]["x-large"]) == 30_000


async def test_a_slow_live_answer_does_not_delay_the_copy(rig: GatewayRig) -> None:
    copied = asyncio.Event()

    async def live(_: web.BaseRequest, _asked: Any) -> None:
        await asyncio.wait_for(copied.wait(), 60)

    async def shadow(_: web.BaseRequest, _asked: Any) -> None:
        copied.set()

    async with model("blue", live) as slow, model("green", shadow) as green:
        name = await rig.endpoint(slow, green, mirror={"green": 100})
        assert (await rig.send(name, {"n": 1})).status == 200
    [original], [copy] = await rig.rows(name, 1), await rig.rows(name, 1, "mirror")
    assert (original["mirrored"], copy["request_id"]) == (1, original["request_id"])
    assert copy["total_ms"] < original["total_ms"]
    assert (copy["request_ms"], copy["method"], copy["auth"]) == (0, "POST", "key")


async def test_a_client_that_never_finishes_is_cut_off(tmp_path: Path) -> None:
    """In process, so that the patience can be short."""

    class Impatient(ClientConnection):
        silence_seconds = 0.2
        head_seconds = 0.2
        body_pause_seconds = 0.8

    seen: Counter[str] = Counter()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            event = await receive()
            seen[event["type"]] += 1
            if event["type"] == "http.disconnect":
                return
            if not event.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    listener = socket.create_server(("127.0.0.1", 0))
    async with listening((Listener(application, None, Impatient), listener)):
        port = listener.getsockname()[1]
        for beginning in (
            b"",
            b"POST /",
            b"POST / HTTP/1.1\r\nx-slow: 1\r\n",
            head("a", "content-length: 10") + b"half",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(beginning)
            status, headers, _ = await read_answer(reader)
            assert (status, headers["connection"]) == (408, "close")
            assert await reader.read() == b""
            writer.close()
        # One byte at a time makes no difference to the headers, and keeps a body alive.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answering = asyncio.create_task(read_answer(reader))
        for byte in head("a", "content-length: 2") * 50:
            if answering.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        assert (await answering)[0] == 408
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("a", "content-length: 8"))
        for _ in range(8):
            await asyncio.sleep(0.15)
            writer.write(b"x")
        assert (await read_answer(reader))[0] == 200
        writer.close()
    assert seen["http.disconnect"] == 1
