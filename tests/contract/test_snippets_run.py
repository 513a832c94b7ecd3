"""The programs of the Test and Overview pages, run as a caller runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.azure import endpoints
from services.azure.connection import Connection
from services.resources.snippets import KEY_VARIABLE, body_file, snippets
from services.scoring.request import ScoringRequest
from tests import resources
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
COMMANDS = {
    "curl": ["bash", "-e"],
    "Python": [sys.executable, "-W", "error", "-"],
    "JavaScript": ["node", "--input-type=module", "-"],
    "azure-ai-ml": [sys.executable, "-"],
}
TITLES = [pytest.param(title, marks=NEEDS_NODE) if title == "JavaScript" else title for title in COMMANDS]
READERS_OF_THE_KEY = [title for title in TITLES if title != "azure-ai-ml"]
DATA = b'{\n  "data": [3, 4],\n  "note": "it\'s $HOME \\u00fc"\n}'


@pytest.fixture
def run(local_azure: LocalAzure, conn: Connection, served: str, tmp_path: Path) -> Callable[..., str]:
    """What the program ``title`` prints, with the key in its environment."""

    def go(title: str, request: ScoringRequest) -> str:
        endpoint = endpoints.get_endpoint(conn, served)
        [program] = [each for each in snippets(endpoint, request) if each.title == title]
        if name := body_file(request):
            (tmp_path / name).write_bytes(request.body)
        variables = local_azure.client_environment()
        own = {KEY_VARIABLE: endpoints.scoring_secret(conn, endpoint).value} if program.reads_key else {}
        done = subprocess.run(
            COMMANDS[title],
            input=program.text,
            env=variables | {"NODE_EXTRA_CA_CERTS": variables["SSL_CERT_FILE"]} | own,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return go


SPLIT, GREEN = (None, [6, 8]), ("green", [9, 12])
IS_FULL = os.environ.get("SLUICE_TEST_COUNTS") == "full"
SLOW = (pytest.mark.long, pytest.mark.skipif(not IS_FULL, reason="loads the SDK once more; full counts only"))


@pytest.mark.parametrize("title", READERS_OF_THE_KEY)
@pytest.mark.parametrize(("target", "answer"), [SPLIT, GREEN])
def test_a_program_gets_the_answer_of_its_target(
    run: Callable[..., str], title: str, target: str | None, answer: list[int]
) -> None:
    lines = run(title, ScoringRequest(DATA, deployment=target)).splitlines()
    assert json.loads(lines[-1]) == answer
    if title in ("Python", "JavaScript"):
        assert lines[0] == f"200 answered by {target or 'blue'}"


@pytest.mark.parametrize(("target", "answer"), [pytest.param(*SPLIT, marks=SLOW), GREEN])
def test_the_program_of_the_sdk_gets_the_answer_of_its_target(
    run: Callable[..., str], target: str | None, answer: list[int]
) -> None:
    assert json.loads(run("azure-ai-ml", ScoringRequest(DATA, deployment=target)).splitlines()[-1]) == answer


@pytest.mark.parametrize("title", READERS_OF_THE_KEY)
def test_a_program_reads_a_long_payload_from_the_file_beside_it(run: Callable[..., str], title: str) -> None:
    long = b'{"data": [1], "note": "' + b"x" * 1000 + b'"}'
    assert json.loads(run(title, ScoringRequest(long)).splitlines()[-1]) == [2]


class Listener(ThreadingHTTPServer):
    """Notes every request: its headers by lower-case name, and its body."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), Noting)


class Noting(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Listener)
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(307 if self.path == "/moved" else 200)
        self.send_header("location", "/score")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
        """Say nothing."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A plain listener in the endpoint's place."""
    with Listener() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def started(listener: Listener, folder: Path, title: str, request: ScoringRequest, path: str = "score") -> int:
    """The exit code of the program ``title``, which sends ``request`` to the listener."""
    uri = f"http://127.0.0.1:{listener.server_port}/{path}"
    [program] = [
        each for each in snippets(replace(resources.endpoint(), scoring_uri=uri), request) if each.title == title
    ]
    (folder / "request.bin").write_bytes(request.body)
    variables = {KEY_VARIABLE: "the-key", "HEADER_X_API_KEY": "the-other", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        COMMANDS[title],
        input=program.text.encode(),
        env=os.environ | variables,
        cwd=folder,
        capture_output=True,
        timeout=240,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("title", READERS_OF_THE_KEY)
def test_a_program_sends_bytes_and_headers_as_they_are(listener: Listener, tmp_path: Path, title: str) -> None:
    given = {"x-name": "J\u00fcrgen's \\ $HOME `x`", "x-empty": "", "x'$odd": "1"}
    headers = (*given.items(), ("X-Api-Key", "not written down"))
    request = ScoringRequest(b"\x00\xff\r\n" * 25, "application/octet-stream", headers, deployment="green")
    assert started(listener, tmp_path, title, request) == 0
    [(sent, body)] = listener.received
    assert body == request.body
    assert {name: sent[name] for name in given} == given
    assert (sent["authorization"], sent["x-api-key"]) == ("Bearer the-key", "the-other")
    assert (sent["content-type"], sent["azureml-model-deployment"]) == ("application/octet-stream", "green")


@pytest.mark.parametrize("title", READERS_OF_THE_KEY)
def test_a_program_follows_no_redirect(listener: Listener, tmp_path: Path, title: str) -> None:
    started(listener, tmp_path, title, ScoringRequest(b"{}"), "moved")
    assert len(listener.received) == 1


@pytest.mark.parametrize("title", READERS_OF_THE_KEY)
def test_a_program_can_send_an_empty_body(listener: Listener, tmp_path: Path, title: str) -> None:
    assert started(listener, tmp_path, title, ScoringRequest(b"")) == 0
    assert listener.received[0][1] == b""
