"""Deployments tried on a local Azure of their own: really built, really asked, and nothing left of them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import yaml

from services.deploying.model import Bundle, Document, Kind
from services.errors import Conflict, RuleBroken
from services.trial.order import Payload, order_for
from services.trial.performing import TrialPhase
from services.trial.possible import why_not
from services.trial.trial import Trial, Trials, without_cloud
from tests.deployable import write_quick_start
from tests.local_azure import ROOT, clean_environment

SECONDS = 240.0
SAMPLE = Payload(b'{"data": [1, 2]}')
BROKEN = """
def init():
    import a_module_that_is_not_there

def run(raw_data):
    return raw_data
"""


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    while not is_so():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def described(folder: Path, name: str = "blue") -> Bundle:
    """The endpoint and the deployment ``name`` among the files of a quick start."""
    files = ("endpoint.yml", f"{name}-deployment.yml")
    contents = [yaml.safe_load((folder / file).read_text()) for file in files]
    kinds = (Kind.ENDPOINT, Kind.DEPLOYMENT)
    documents = tuple(Document(kind, file, content) for kind, file, content in zip(kinds, files, contents, strict=True))
    return Bundle(folder, files, documents)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Trials:
    """Trials that share their built environments."""
    return Trials(tmp_path_factory.mktemp("trials") / "state")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a deployment that doubles."""
    write_quick_start(tmp_path / "files", "tried", {"blue": 2})
    return tmp_path / "files"


def start(trials: Trials, bundle: Bundle, payload: Payload = SAMPLE, **environment: str) -> Trial:
    """Start a trial of the bundle's deployment."""
    given = clean_environment() | environment
    return trials.start(bundle, bundle.documents[1], payload, is_loopback=True, environment=given)


def test_a_deployment_is_built_started_and_asked_and_nothing_is_left(trials: Trials, files: Path) -> None:
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    trial = start(trials, described(files), AZURE_CLIENT_SECRET="a-secret")
    assert start(trials, described(files)) is trial, "the same again is a double click"
    with pytest.raises(Conflict):
        start(trials, described(files), Payload(b"another"))
    until(lambda: trial.is_over)
    assert trial.problem is None
    assert trial.answer is not None
    assert (trial.answer.status, json.loads(trial.answer.text)) == (200, [2, 4])
    assert trial.is_ready
    assert [step.phase for step in trial.steps] == [each.value for each in TrialPhase]
    assert all(step.ended_at is not None for step in trial.steps)
    assert "factor is 2" in trial.log
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before
    until(lambda: running(trials) == [])
    trials.put_away(trial)
    assert trials.newest is None


def test_a_deployment_that_does_not_come_up_says_why_with_the_line_that_proves_it(trials: Trials, files: Path) -> None:
    (files / "code" / "score.py").write_text(BROKEN)
    trial = start(trials, described(files))
    until(lambda: trial.is_over)
    assert not trial.is_ready
    assert trial.answer is None
    assert trial.problem is not None
    assert "a_module_that_is_not_there" in trial.log
    assert trial.causes
    assert [step.phase for step in trial.steps if step.ended_at is None] == [TrialPhase.DEPLOY.value]
    until(lambda: running(trials) == [])


@pytest.mark.long
def test_a_trial_that_is_stopped_ends_what_it_runs(trials: Trials, files: Path) -> None:
    trial = start(trials, described(files))
    until(lambda: trial.steps)
    trial.stop()
    until(lambda: trial.is_over)
    assert not trial.is_ready
    assert trial.problem is None
    until(lambda: running(trials) == [])


def test_a_trial_ends_with_the_sluice_that_asked_for_it(files: Path, tmp_path: Path) -> None:
    bundle, state = described(files), tmp_path / "state"
    process = subprocess.Popen(
        [sys.executable, "-m", "services.trial", "--state", str(state)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(order_for(bundle, bundle.documents[1], SAMPLE).as_line())
    process.stdin.flush()
    # The local Azure is up once the first phase has ended.
    ended = (json.loads(line) for line in process.stdout)
    assert next(each for each in ended if each.get("is_over"))["phase"] == TrialPhase.START.value
    process.stdin.close()
    assert process.wait(SECONDS) == 130
    process.stdout.close()
    until(lambda: using(state) == [])


def test_what_only_the_cloud_has_cannot_be_tried(trials: Trials, files: Path) -> None:
    bundle = described(files)
    deployment = bundle.documents[1]
    registered = replace(deployment, content={**deployment.content, "model": "azureml:digits:3"})
    with pytest.raises(RuleBroken, match="model is azureml:digits:3"):
        trials.start(bundle, registered, SAMPLE, is_loopback=True)


def test_a_sluice_that_other_machines_can_reach_tries_nothing(trials: Trials, files: Path) -> None:
    bundle = described(files)
    with pytest.raises(RuleBroken, match="other machines can reach"):
        trials.start(bundle, bundle.documents[1], SAMPLE, is_loopback=False)


@pytest.mark.parametrize(
    ("field", "value", "is_there"),
    [
        ("model", {"path": "./model"}, True),
        ("model", "azureml:digits@latest", False),
        ("model", {"path": "azureml://jobs/j/outputs/model"}, False),
        ("environment", "azureml:own:1", False),
        ("environment", "azureml://registries/azureml/environments/sklearn-1.5/labels/latest", True),
        ("environment", {"image": "mcr.microsoft.com/azureml/minimal:latest"}, True),
        ("code_configuration", {"code": "azureml:code:1", "scoring_script": "score.py"}, False),
    ],
)
def test_references_that_lead_away_from_the_files_are_told(field: str, value: object, is_there: bool) -> None:
    content = {"name": "blue", "endpoint_name": "tried", field: value}
    assert (why_not(Document(Kind.DEPLOYMENT, "blue.yml", content)) == "") is is_there


def test_one_instance_is_tried_and_the_split_of_the_file_is_not(files: Path) -> None:
    bundle = described(files)
    endpoint, deployment = bundle.documents
    split = replace(endpoint, content={**endpoint.content, "traffic": {"blue": 90, "green": 10}})
    many = replace(deployment, content={**deployment.content, "instance_count": 9})
    order = order_for(replace(bundle, documents=(split, many)), many, SAMPLE)
    assert order.deployment["instance_count"] == 1
    assert order.endpoint == {"name": "tried", "auth_mode": "key"}


def test_nothing_that_points_at_a_cloud_reaches_the_code_that_is_tried() -> None:
    needed = {"PATH": "d", "UV_INDEX_URL": "e", "https_proxy": "f", "LC_ALL": "g"}
    secrets = dict.fromkeys(("AZURE_CLIENT_SECRET", "IDENTITY_HEADER", "ARM_X", "GITHUB_TOKEN", "PGPASSWORD"), "a")
    assert without_cloud({**secrets, **needed}) == needed


def running(trials: Trials) -> list[str]:
    """What still uses the state folder of the trials."""
    return using(trials.state)


def using(state: Path) -> list[str]:
    """The command lines of the processes that use a state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(state) in line:
            found.append(line)
    return found
