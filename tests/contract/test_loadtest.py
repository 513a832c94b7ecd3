"""Load tests as processes of their own, against real deployments of the local Azure."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, keys
from services.loadtest.__main__ import main
from services.loadtest.command import as_line
from services.loadtest.report import KIND
from services.payloads.library import Library
from services.payloads.payload import Payload
from services.results import Results
from services.scoring.request import ScoringRequest
from services.store import Store
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator
Write = Callable[..., None]
Run = Callable[..., tuple[int, list[dict[str, Any]]]]
Start = Callable[..., subprocess.Popen[bytes]]
BODY = b'{"data": [3, 4]}'
SECONDS = 120
COMMAND = [sys.executable, "-m", "services.loadtest", "--json", "--stdin", "--deployment", "green", "--duration", "300"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where the processes keep what they keep."""
    return tmp_path / "data"


@pytest.fixture
def environment(local_azure: LocalAzure, data: Path) -> dict[str, str]:
    """What a load test is started with."""
    return {**local_azure.client_environment(), "SLUICE_DATA_DIR": str(data)}


@pytest.fixture
def payload(tmp_path: Path) -> str:
    """A file with a request."""
    path = tmp_path / "request.json"
    path.write_bytes(BODY)
    return str(path)


@pytest.fixture
def run(conn: Connection, served: str, payload: str, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Run:
    """Runs a load test of the served endpoint to its end, in this process: its exit code and events."""
    monkeypatch.setenv("SLUICE_DATA_DIR", str(data))

    def go(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        named = [] if {"--library", "--payload"} & set(arguments) else ["--payload", payload]
        code = main(["--endpoint", served, "--json", *arguments, *named])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return go


@pytest.fixture
def started(environment: dict[str, str], served: str) -> Iterator[Start]:
    """Starts a load test that gets its payload through stdin, and returns after its first second."""
    running: list[subprocess.Popen[bytes]] = []

    def go(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*COMMAND, "--endpoint", served, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        running.append(process)
        assert process.stdin
        assert process.stdout
        process.stdin.write(as_line((("typed", ScoringRequest(BODY)),)))
        process.stdin.flush()
        while json.loads(process.stdout.readline())["event"] != "second":
            pass
        return process

    yield go
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            pipe.close()


def ending(process: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
    """The exit code, and the last event."""
    assert process.stdout
    last = json.loads(process.stdout.readlines()[-1])
    return process.wait(SECONDS), last


def seen_by_the_endpoint(azure: LocalAzure, endpoint: str, run: str, count: int) -> set[tuple[str, str]]:
    """Deployment and user agent of the requests of a run, as the endpoint logged them: a moment after the answers."""
    pause, deadline = threading.Event(), time.monotonic() + SECONDS
    while True:
        rows = azure.control("GET", f"requests?endpoint={endpoint}&since=0&limit=100000").json()["value"]
        ours = [row for row in rows if row["client_request_id"] == run]
        if len(ours) >= count or time.monotonic() > deadline:
            break
        pause.wait(0.05)
    assert len(ours) == count
    return {(row["deployment"], row["user_agent"]) for row in ours}


def test_a_deployment_without_callers_is_tested_and_the_result_is_kept_without_the_key(
    run: Run, conn: Connection, local_azure: LocalAzure, served: str, split: Write, data: Path
) -> None:
    # Never more than the deployment lets in at once, however slow the machine is.
    code, events = run("--deployment", "green", "--rate", "8", "--duration", "1")
    assert [each["event"] for each in events][:2] == ["start", "second"]
    result = events[-1]["result"]
    assert code == (0 if result["is_valid"] else 1)
    assert (result["ended"], result["sent"], result["good"], result["failed"]) == ("done", 8, 8, 0)
    assert result["outcomes"] == {"200": 8}
    assert list(result["deployments"]) == ["green"]
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p99"] <= result["latency_ms"]["max"]
    assert sum(row["sent"] for row in result["series"]) == 8
    store = Store(data / "sluice.db")
    (kept,) = Results(store, conn.arm_host).all(get_endpoint(conn, served).id, KIND)
    store.close()
    assert kept.id == events[-1]["id"]
    assert kept.content == result
    told = json.dumps(events).encode() + b"".join(path.read_bytes() for path in data.iterdir())
    assert not [key for key in keys(conn, served) if key.encode() in told]
    assert seen_by_the_endpoint(local_azure, served, events[0]["run"], 8) == {("green", "sluice-loadtest")}


def test_live_traffic_is_disturbed_only_with_consent(run: Run, split: Write) -> None:
    split({"blue": 60, "green": 40})
    code, events = run("--rate", "5", "--duration", "1")
    assert code == 2
    assert "Its callers wait" in events[-1]["why"]
    assert "--yes" in events[-1]["next_step"]
    code, events = run("--rate", "30", "--duration", "1", "--yes")
    assert events[0]["cautions"]
    assert sum(sum(each["outcomes"].values()) for each in events[-1]["result"]["deployments"].values()) == 30
    assert set(events[-1]["result"]["deployments"]) == {"blue", "green"}


@pytest.mark.long
def test_failing_requests_end_the_test_by_itself(run: Run, served: str, split: Write, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"data": ["three"]}')
    code, events = run("--deployment", "green", "--rate", "40", "--duration", "60", "--payload", str(bad))
    result = events[-1]["result"]
    assert (code, result["ended"]) == (1, "errors")
    assert "Errors persisted" in result["why"]
    # On a slow machine more of them are under way than the deployment lets in.
    assert "424" in result["outcomes"]
    assert set(result["outcomes"]) <= {"424", "429"}
    assert result["seconds"] < 20


@pytest.mark.long
def test_a_key_that_is_rotated_in_between_is_fetched_again(
    started: Start, local_azure: LocalAzure, served: str, split: Write
) -> None:
    process = started("--rate", "20")
    answer = local_azure.arm("POST", f"onlineEndpoints/{served}/regenerateKeys", {"keyType": "Primary"})
    assert answer.ok
    if answer.status_code == 202:
        local_azure.finish(answer)
    assert process.stdout
    refused = False
    for line in process.stdout:
        event = json.loads(line)
        refused = refused or "401" in event.get("outcomes", {})
        if event["event"] == "end" or (refused and event.get("outcomes", {}).get("200", 0) >= 10):
            break
    assert event["event"] == "second", event
    process.send_signal(signal.SIGTERM)
    code, last = ending(process)
    assert (code, last["result"]["ended"]) == (130, "stopped")
    assert last["result"]["good"] > 20


def test_it_stops_at_once_when_it_is_told_to_and_keeps_what_it_has(
    started: Start, conn: Connection, served: str, split: Write, data: Path
) -> None:
    process = started("--rate", "20")
    seen = b"".join(Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert not [key for key in keys(conn, served) if key.encode() in seen]
    assert BODY not in seen
    process.send_signal(signal.SIGINT)
    code, last = ending(process)
    assert (code, last["event"], last["result"]["ended"]) == (130, "end", "stopped")
    assert last["result"]["seconds"] < 30
    store = Store(data / "sluice.db")
    assert len(Results(store, conn.arm_host).all(get_endpoint(conn, served).id, KIND)) == 1
    store.close()


def test_a_saved_payload_is_sent_with_its_variables(
    run: Run, conn: Connection, served: str, split: Write, data: Path
) -> None:
    endpoint = get_endpoint(conn, served)
    store = Store(data / "sluice.db")
    library = Library(store, conn.arm_host)
    library.save(endpoint.id, Payload("", "counted", b'{"data": [{{number}}, {{$random}}]}'))
    arguments = ("--deployment", "green", "--rate", "8", "--duration", "1", "--library", "counted")
    code, events = run(*arguments)
    assert code == 2
    assert "number" in events[-1]["why"]
    library.set_variable(endpoint.id, "number", "7")
    store.close()
    code, events = run(*arguments)
    assert events[-1]["result"]["outcomes"] == {"200": 8}
    assert events[-1]["result"]["payloads"] == ["counted"]


def is_running(process: str) -> bool:
    """Whether a process is there that does something: one that nobody has waited for has no command line."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


def test_no_process_keeps_sending_when_the_server_is_killed(
    environment: dict[str, str], conn: Connection, served: str, split: Write, data: Path
) -> None:
    code = f"""
import sys, threading
from services.azure.connection import connect
from services.azure.endpoints import get_endpoint
from services.loadtest.plan import Plan
from services.loadtest.running import LoadRuns, Wish
from services.scoring.request import ScoringRequest
from services.settings import Settings
import os, pathlib
endpoint = get_endpoint(connect(Settings.read(os.environ, pathlib.Path.cwd())), {served!r})
run = LoadRuns().start(Wish(endpoint, "green", Plan(20, 20, 300), (("a", ScoringRequest({BODY!r})),), 5.0))
while not run.rows and not run.is_over:
    threading.Event().wait(0.02)
print(run.pid, run.problem or "", flush=True)
threading.Event().wait()
"""
    server = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert server.stdout
    with server, server.stdout as said:
        process, _, problem = said.readline().decode().strip().partition(" ")
        assert not problem
        server.kill()
    pause, deadline = threading.Event(), time.monotonic() + SECONDS
    while is_running(process):
        assert time.monotonic() < deadline, "it goes on"
        pause.wait(0.02)
    store = Store(data / "sluice.db")
    (kept,) = Results(store, conn.arm_host).all(get_endpoint(conn, served).id, KIND)
    store.close()
    assert kept.content["ended"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--rate", "501", "--duration", "1"), "501"),
        (("--rate", "5", "--duration", "601"), "601"),
        (("--ramp", "5:nan", "--duration", "5"), "nan"),
        (("--rate", "5", "--duration", "1", "--deployment", "green", "--timeout", "nan"), "nan"),
        (("--rate", "5001", "--duration", "1", "--beyond-limits"), "5001"),
        (("--deployment", "purple", "--rate", "1", "--duration", "1"), "purple"),
        (("--rate", "1", "--duration", "1", "--library", "nothing"), "nothing"),
        (("--rate", "1", "--duration", "1", "--payload", "/not/there"), "/not/there"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_sent(
    run: Run, split: Write, arguments: tuple[str, ...], why: str
) -> None:
    code, events = run(*arguments)
    assert code == 2
    assert events[-1]["event"] == "problem"
    assert why in events[-1]["why"]


def test_the_workspace_can_be_named_where_none_is_configured(
    run: Run, conn: Connection, split: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = conn.workspace.address
    for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME"):
        monkeypatch.delenv(name)

    code, events = run("--workspace", workspace, "--deployment", "green", "--rate", "5", "--duration", "1")

    assert events[-1]["event"] == "end", events
    assert code in (0, 1)
