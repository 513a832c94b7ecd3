"""What a person may send to somebody else: everything that helps with a failure, and no secret in it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from services.deploying.diagnosis import diagnose
from services.deploying.diagnostic_bundle import make
from services.deploying.model import Document, Evidence, Job, JobState, Kind, Phase, Step
from services.deploying.redacting import redacted_text
from services.model import WorkspaceRef

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PASSWORD = "correct-horse-battery"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
EVIDENCE = Evidence(
    "ResourceNotReady",
    "User container has crashed or terminated.",
    f"starting with {PASSWORD}\nAuthorization: Bearer {TOKEN}\n"
    "GET https://st.blob.core.windows.net/models/a.pkl?sv=2024&sig=abc%2Fdef%3D\n"
    "2026-01-02 03:04:05,100 E [63] gunicorn.error - Worker (pid:63) was sent SIGKILL! Perhaps out of memory?\n",
    "AccountKey=abcdefghijklmnop==;EndpointSuffix=core.windows.net\n",
)
DOCUMENT = Document(
    Kind.DEPLOYMENT,
    "blue.yml",
    {
        "name": "blue",
        "endpoint_name": "shop",
        "instance_type": "Standard_NC96ads_A100_v4",
        "environment_variables": {"DB_PASSWORD": PASSWORD, "WORKER_COUNT": "2"},
        "code_configuration": {"code": "code", "scoring_script": "score.py"},
    },
)
ENDPOINT = Document(Kind.ENDPOINT, "endpoint.yml", {"name": "shop", "auth_mode": "key"})
JOB = Job(
    "17",
    "azure",
    WorkspaceRef("0000-1111", "rg-shop", "mlw-shop"),
    "shop",
    "blue",
    "deploy",
    "Deploy blue into shop",
    JobState.FAILED,
    BEGAN,
    BEGAN + timedelta(minutes=8),
    (Step("shop/blue", Phase.PROVISION, BEGAN, BEGAN + timedelta(minutes=8)),),
    ("The deployment failed.", "ResourceNotReady.", "Read the causes."),
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    diagnose(EVIDENCE),
    "somebody@example.com",
)


def opened(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return opened(make(JOB, EVIDENCE, (ENDPOINT, DOCUMENT)))


def test_it_has_what_helps(files: dict[str, str]) -> None:
    assert "Deploy blue into shop" in files["summary.txt"]
    assert "most likely because it used more memory" in files["summary.txt"]
    assert "Proof (the container's log, line 4): Worker (pid:63) was sent SIGKILL!" in files["summary.txt"]
    assert JOB.request_id in files["summary.txt"]
    assert json.loads(files["job.json"])["steps"][0]["phase"] == "provision"
    assert files["azure.txt"].startswith("ResourceNotReady\n")
    assert "Perhaps out of memory" in files["container.log"]
    assert files["storage.log"].endswith("EndpointSuffix=core.windows.net\n")


def test_documents_stay_as_they_are_but_for_secrets(files: dict[str, str]) -> None:
    assert yaml.safe_load(files["documents/1-endpoint.yml"]) == ENDPOINT.content
    changed = {**DOCUMENT.content, "environment_variables": {"DB_PASSWORD": "***", "WORKER_COUNT": "2"}}
    assert yaml.safe_load(files["documents/2-deployment.yml"]) == changed


@pytest.mark.parametrize("secret", [PASSWORD, TOKEN, "abc%2Fdef%3D", "abcdefghijklmnop", "somebody@example.com"])
def test_no_secret_and_no_person_is_in_it(files: dict[str, str], secret: str) -> None:
    assert not [name for name, text in files.items() if secret in text]


def test_the_same_job_gives_the_same_bytes() -> None:
    assert make(JOB, EVIDENCE, (DOCUMENT,)) == make(JOB, EVIDENCE, (DOCUMENT,))


def test_a_job_of_which_nothing_is_known_has_a_bundle() -> None:
    bare = replace(JOB, ended_at=None, steps=(), failure=None, request_id="", causes=(), state=JobState.UNKNOWN)

    files = opened(make(bare, Evidence("", "")))

    assert "ended not said" in files["summary.txt"]
    assert files["container.log"] == "Azure gave no log of this container.\n"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "failure_logs").glob("*.txt")), ids=lambda path: path.stem
)
def test_logs_without_secrets_stay_as_they_are(path: Path) -> None:
    assert redacted_text(path.read_text()) == path.read_text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"api_key": "abc def", "n": 1}', '{"api_key": ***, "n": 1}'),
        ("OPENAI_API_KEY=sk123;x", "OPENAI_API_KEY=***;x"),
        ("postgresql://me:pass@db/shop", "postgresql://me:***@db/shop"),
        ("max_tokens: 12", "max_tokens: 12"),
        ("tokenizer: bert", "tokenizer: bert"),
        ("auth_mode: key", "auth_mode: key"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nrest", "***\nrest"),
    ],
)
def test_secrets_in_texts_are_told_by_their_shape(text: str, shown: str) -> None:
    assert redacted_text(text) == shown
