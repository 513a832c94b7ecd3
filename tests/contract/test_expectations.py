"""A saved set against deployments that really score: blue doubles, green trebles; and the same set headless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, keys
from services.expectations.__main__ import main
from services.expectations.expectation import Expectation
from services.expectations.running import KIND, Run, Target, cases_of, content_of
from services.payloads.exporting import export
from services.payloads.library import Library
from services.payloads.payload import Payload
from services.results import Results
from services.store import Store
from tests.local_azure import ROOT, LocalAzure

pytestmark = pytest.mark.emulator

DOUBLES = Payload(
    "",
    "doubles",
    b'{"data": [3, {{other}}]}',
    tags=("smoke",),
    expectations=(
        Expectation("status", 200),
        Expectation("time", 60_000),
        Expectation("path", 8, "$[1]", "equals"),
        Expectation("length", 2, "$", "equals"),
    ),
)
WHOLE = Payload("", "whole", b'{"data": [1]}', expected_answer="[2]")
REFUSED = Payload("", "refused", b'{"data": ["x"]}', expectations=(Expectation("status", 424),))
PLAIN = Payload("", "plain", b'{"data": [1]}')
SET = (DOUBLES, WHOLE, REFUSED, PLAIN)
VARIABLES = {"other": "4"}


Headless = Callable[..., "Ended"]


def ran(conn: Connection, endpoint: str, payloads: Sequence[Payload], deployment: str | None = None) -> Run:
    """A run that is over."""
    run = Run(Target(conn, get_endpoint(conn, endpoint), deployment), cases_of(payloads), VARIABLES)
    run.perform()
    return run


def test_a_set_passes_on_the_deployment_it_was_written_for(
    conn: Connection, served: str, split: Callable[..., None]
) -> None:
    run = ran(conn, served, SET)

    assert run.passed, [each.verdicts for each in run.results]
    assert [each.name for each in sorted(run.results, key=lambda each: each.number)] == ["doubles", "whole", "refused"]
    assert {each.deployment for each in run.results} == {"blue"}


def test_the_same_set_names_what_another_deployment_does_otherwise(conn: Connection, served: str) -> None:
    content = content_of(ran(conn, served, SET, "green"), keeps_bodies=True)

    assert (content["passed"], content["failed"]) == (1, 2)
    words = [each["words"] for case in content["cases"] for each in case["verdicts"] if not each["passed"]]
    assert words == ["$[1] is 8: found 12.", "The answer is [2]: $[0] is 3 and not 2."]


def test_without_leave_no_value_of_an_answer_is_in_what_is_kept(conn: Connection, served: str) -> None:
    content = json.dumps(content_of(ran(conn, served, [DOUBLES], "green"), keeps_bodies=False))

    assert "12" not in json.dumps([each["words"] for each in json.loads(content)["cases"][0]["verdicts"]])
    assert "$[1] is 8: it is not so." in content


def test_a_variable_without_a_value_fails_its_payload_and_no_other(conn: Connection, served: str) -> None:
    lost = replace(DOUBLES, name="lost", body=b'{"data": [{{lost}}]}')
    lost_one, whole = sorted(ran(conn, served, [lost, WHOLE]).results, key=lambda each: each.number)

    assert "{{lost}}" in lost_one.failure
    assert whole.passed


def test_a_run_that_is_stopped_sends_nothing_more(conn: Connection, served: str) -> None:
    run = Run(Target(conn, get_endpoint(conn, served)), cases_of([WHOLE] * 20), VARIABLES, parallel=1)
    run.perform(lambda _: run.stop())

    assert len(run.results) == 1
    assert run.is_over
    assert not run.passed


@dataclass(frozen=True)
class Ended:
    """How the command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def headless(
    conn: Connection, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Headless:
    """Runs the command on the served endpoint, in this process: another one takes seconds to load the SDK."""
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> Ended:
        code = main(["--endpoint", served, *arguments])
        return Ended(code, *capsys.readouterr())

    return run


def test_headless_says_what_passed_and_ends_with_0_or_1(
    headless: Headless, conn: Connection, served: str, split: Callable[..., None], tmp_path: Path
) -> None:
    file, report = tmp_path / "payloads.json", tmp_path / "report.xml"
    file.write_text(export(SET, VARIABLES), encoding="utf-8")

    command = [sys.executable, "-m", "services.expectations", "--endpoint", served, str(file)]
    environment = {**os.environ, "SLUICE_DATA_DIR": str(tmp_path / "data")}
    good = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert good.returncode == 0, good.stderr
    assert not (tmp_path / "data").exists()
    assert good.stdout.splitlines()[-1] == "3 passed, 0 failed, 1 without expectations left out"

    bad = headless(str(file), "--deployment", "green", "--junit", str(report))
    assert bad.returncode == 1, bad.stderr
    assert "      $[1] is 8: found 12." in bad.stdout
    suite = ElementTree.parse(report).getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "2",
        "errors": "0",
    }
    for key in keys(conn, served):
        assert key not in good.stdout + good.stderr + bad.stdout + bad.stderr + report.read_text(encoding="utf-8")


def test_headless_runs_the_library_and_keeps_the_outcome(
    headless: Headless, conn: Connection, served: str, split: Callable[..., None], tmp_path: Path
) -> None:
    store = Store(tmp_path / "data" / "sluice.db")
    endpoint_id = get_endpoint(conn, served).id
    library = Library(store, conn.arm_host)
    library.add_all(endpoint_id, SET)
    library.set_variable(endpoint_id, "other", "9")

    found = headless("--library", "--tag", "smoke", "--variable", "other=4", "--json")

    assert found.returncode == 0, found.stdout + found.stderr
    assert [each["name"] for each in json.loads(found.stdout)["cases"]] == ["doubles"]
    (kept,) = Results(store, conn.arm_host).all(endpoint_id, KIND)
    assert kept.content["passed"] == 1
    store.close()


def test_headless_ends_with_2_when_the_set_cannot_be_run(headless: Headless, served: str, tmp_path: Path) -> None:
    plain, broken, wrong = (tmp_path / name for name in ("plain.json", "broken.json", "wrong.json"))
    plain.write_text(export([PLAIN]), encoding="utf-8")
    broken.write_text('{"payloads": [', encoding="utf-8")
    wrong.write_text(export([replace(PLAIN, expectations=(Expectation("path", 1, "x", "equals"),))]), encoding="utf-8")

    for arguments, why in (
        ((str(tmp_path / "absent.json"),), "cannot be read"),
        ((str(broken),), "broken.json: Line 1"),
        ((str(plain), "--deployment", "violet"), "no deployment named violet"),
        ((str(plain),), "None of its payloads expects anything"),
        ((str(plain), "--tag", "smoke"), "None of its payloads has the tag smoke"),
        ((str(wrong),), "plain has an expectation that cannot be judged. x is no JSONPath"),
    ):
        found = headless(*arguments)
        assert (found.returncode, found.stdout) == (2, ""), found
        assert why in found.stderr
        assert "Traceback" not in found.stderr


def test_headless_is_told_its_workspace_where_none_is_configured(
    headless: Headless, conn: Connection, split: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "payloads.json"
    file.write_text(export([WHOLE]), encoding="utf-8")
    workspace = conn.workspace.address
    for name in ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZUREML_WORKSPACE_NAME"):
        monkeypatch.delenv(name)

    found = headless(str(file), "--workspace", workspace)

    assert found.returncode == 0, found.stderr


def test_headless_without_the_right_to_the_key_says_so_once(
    headless: Headless, connect_to: Callable[..., Connection], local_azure: LocalAzure, tmp_path: Path
) -> None:
    file = tmp_path / "payloads.json"
    file.write_text(export([WHOLE, replace(WHOLE, name="other")]), encoding="utf-8")
    connect_to(local_azure, role="reader")

    found = headless(str(file))

    assert (found.returncode, found.stdout) == (2, "")
    assert "listKeys/action" in found.stderr
    assert len(found.stderr.splitlines()) == 1
