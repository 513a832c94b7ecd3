"""The demo on a local Azure: what a person finds, and what a second start leaves alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.local_azure import ROOT, LocalAzure, three_free_ports

pytestmark = pytest.mark.emulator
DEMO = ROOT / "samples" / "demo.py"
MINUTES = 30
DIGITS, WINES = "whats-in-a-name", "wine-cultivars"


class Filled:
    """A local Azure on which the demo has run once."""

    def __init__(self, azure: LocalAzure) -> None:
        self.azure = azure
        self.began = time.time()
        self.first = self.demo("--once", "--history-minutes", str(MINUTES))

    def demo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(DEMO), "--state", str(self.azure.state), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=480, check=False)

    def rows(self) -> list[dict[str, Any]]:
        answer = self.azure.control("GET", "requests?since=0&limit=100000")
        return list(answer.json()["value"])

    def endpoint(self, name: str) -> dict[str, Any]:
        return dict(self.azure.arm("GET", f"onlineEndpoints/{name}").json())

    def split(self, name: str) -> tuple[dict[str, int], dict[str, int]]:
        properties = self.endpoint(name)["properties"]
        return properties["traffic"], properties.get("mirrorTraffic") or {}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with LocalAzure(tmp_path_factory.mktemp("demo") / "state", three_free_ports()) as azure:
        yield Filled(azure)


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 240) -> None:
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        pause.wait(0.2)


def seconds_of(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_it_says_what_it_does_and_ends_well(filled: Filled) -> None:
    assert filled.first.returncode == 0, filled.first.stderr
    lines = filled.first.stdout.splitlines()
    assert any(line.endswith("deploying blue to whats-in-a-name …") for line in lines)
    assert (filled.azure.state / "demo-progress.txt").read_text().strip() == lines[-1]


def test_a_person_finds_both_endpoints_with_their_first_splits(filled: Filled) -> None:
    assert filled.split(DIGITS) == ({"blue": 100}, {"green": 20})
    assert filled.split(WINES) == ({"linear": 80, "bayes": 20}, {})
    for endpoint, names in ((DIGITS, {"blue", "green"}), (WINES, {"linear", "bayes", "forest"})):
        found = filled.azure.arm("GET", f"onlineEndpoints/{endpoint}/deployments").json()["value"]
        assert {each["name"]: each["properties"]["provisioningState"] for each in found} == dict.fromkeys(
            names, "Succeeded"
        )


def test_the_history_ends_now_and_holds_what_was_really_answered(filled: Filled) -> None:
    rows = [row for row in filled.rows() if row["started_at"] < filled.began]
    assert len(rows) > 200
    assert min(row["started_at"] for row in rows) > filled.began - MINUTES * 60
    assert {row["kind"] for row in rows} == {"live", "mirror"}
    assert {row["route"] for row in rows} == {"split", "mirror"}
    assert all(row["total_ms"] > 0 for row in rows)
    assert all(row["model_status"] == (200 if row["status"] == 200 else 500) for row in rows)
    errors = [row for row in rows if row["status"] != 200]
    assert {row["status"] for row in errors} == {424}
    assert len(errors) < len(rows) * 0.05


def test_every_copy_in_the_history_has_its_original(filled: Filled) -> None:
    rows = [row for row in filled.rows() if row["endpoint"] == DIGITS]
    originals = {row["request_id"]: row for row in rows if row["mirrored"] == 1}
    copies = [row for row in rows if row["kind"] == "mirror"]
    assert copies
    for copy in copies:
        original = originals[copy["request_id"]]
        assert (original["deployment"], copy["deployment"]) == ("blue", "green")
        assert (original["started_at"], original["status"]) == (copy["started_at"], copy["status"])


def test_what_exists_is_older_than_its_first_request(filled: Filled) -> None:
    rows = filled.rows()
    for endpoint in (DIGITS, WINES):
        first = min(row["started_at"] for row in rows if row["endpoint"] == endpoint)
        assert seconds_of(filled.endpoint(endpoint)["systemData"]["createdAt"]) < first
        for each in filled.azure.arm("GET", f"onlineEndpoints/{endpoint}/deployments").json()["value"]:
            own = [
                row["started_at"] for row in rows if (row["endpoint"], row["deployment"]) == (endpoint, each["name"])
            ]
            assert seconds_of(each["systemData"]["createdAt"]) < min(own, default=filled.began)


def test_a_second_start_restores_what_is_missing_and_leaves_the_rest(filled: Filled) -> None:
    document = filled.endpoint(WINES)
    document["properties"]["traffic"] = {"linear": 30, "bayes": 70}
    filled.azure.finish(filled.azure.arm("PUT", f"onlineEndpoints/{WINES}", document))
    filled.azure.finish(filled.azure.arm("DELETE", f"onlineEndpoints/{WINES}/deployments/forest"))
    before = len(filled.rows())

    again = filled.demo("--once")

    assert again.returncode == 0, again.stderr
    assert [line.split("] ")[1] for line in again.stdout.splitlines() if "deploying" in line] == [
        f"deploying forest to {WINES} …"
    ]
    assert filled.split(WINES) == ({"linear": 30, "bayes": 70}, {})
    assert filled.split(DIGITS) == ({"blue": 100}, {"green": 20})
    assert len(filled.rows()) == before


def test_the_stream_outlives_a_restart_of_the_server_and_ends_when_told(filled: Filled, tmp_path: Path) -> None:
    command = [sys.executable, str(DEMO), "--state", str(filled.azure.state), "--rate", "10"]
    with (tmp_path / "output").open("w+") as output, subprocess.Popen(command, stdout=output, stderr=output) as demo:
        try:
            before = len(filled.rows())
            wait_for(lambda: len(filled.rows()) > before + 20, "a stream of requests")
            assert len({row["user_agent"] for row in filled.rows()[before:]}) > 1

            filled.azure.stop()
            # The same folder and the same address: clients that keep trying find it again.
            with LocalAzure(filled.azure.state, filled.azure.port) as restarted:
                filled.azure = restarted
                after = time.time()
                wait_for(lambda: filled.rows()[-1]["started_at"] > after, "the stream to go on")
                assert demo.poll() is None
                demo.send_signal(signal.SIGTERM)
                assert demo.wait(60) == 0
        finally:
            if demo.poll() is None:
                demo.kill()
        output.seek(0)
        assert "Traceback" not in output.read()
