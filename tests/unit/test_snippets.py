"""Programs that call an endpoint: what they say, without running them."""

from __future__ import annotations

import ast
import shlex
import subprocess

import pytest

from services.resources import snippets
from services.scoring.request import ScoringRequest
from tests import resources

ODD = """{"text": "it's $HOME `x` \\\\ \\u00fc", "many": [1e400, 12345678901234567890]}"""
INVOKING = ("azure-ai-ml", "Azure CLI")


def found(request: ScoringRequest, mode: str = "Key") -> dict[str, snippets.Snippet]:
    return {each.title: each for each in snippets.snippets(resources.endpoint(authMode=mode), request)}


def texts(payload: str, deployment: str | None = None) -> dict[str, str]:
    request = ScoringRequest(payload.encode(), deployment=deployment)
    return {title: snippet.text for title, snippet in found(request).items()}


@pytest.mark.parametrize("deployment", [None, "blue", "odd; name 'x'"])
def test_shells_and_python_can_read_every_program(deployment: str | None) -> None:
    programs = texts(ODD, deployment)
    for title in ("curl", "Azure CLI"):
        subprocess.run(["bash", "-n"], input=programs[title], text=True, check=True)
    for title in ("Python", "azure-ai-ml"):
        ast.parse(programs[title])


def test_a_payload_keeps_every_digit_and_letter() -> None:
    words = shlex.split(texts(ODD)["curl"].replace("\\\n", " "))
    assert words[words.index("--data") + 1] == ODD
    for title in ("Python", "azure-ai-ml"):
        assert ODD in [node.value for node in ast.walk(ast.parse(texts(ODD)[title])) if isinstance(node, ast.Constant)]


def test_a_pinned_program_names_its_deployment() -> None:
    programs = texts("{}", "blue")
    assert "azureml-model-deployment: blue" in programs["curl"]
    for title in ("Python", "JavaScript"):
        assert '"azureml-model-deployment": "blue"' in programs[title]
    assert "--deployment-name blue" in programs["Azure CLI"]
    assert 'deployment_name="blue"' in programs["azure-ai-ml"]
    assert not any("deployment-name" in text or "deployment_name" in text for text in texts("{}").values())


def test_a_long_payload_goes_into_a_file() -> None:
    long = '{"data": [' + "1, " * 500 + "1]}"
    assert snippets.body_file(ScoringRequest(long.encode())) == "request.json"
    assert all("request.json" in text and "1, 1" not in text for text in texts(long).values())
    assert snippets.body_file(ScoringRequest(b'{"data": []}')) is None
    assert snippets.body_file(ScoringRequest(b"")) is None


@pytest.mark.parametrize(
    ("content_type", "name"),
    [("text/csv; charset=utf-8", "request.csv"), ("image/png", "request.png"), ("x/y", "request.bin")],
)
def test_what_is_no_json_goes_into_a_file_named_after_its_type(content_type: str, name: str) -> None:
    request = ScoringRequest(b"\xff{", content_type)
    assert snippets.body_file(request) == name
    assert f"--data-binary @{name}" in found(request)["curl"].text


def test_tools_that_send_json_alone_say_so_when_the_body_is_something_else() -> None:
    for request in (ScoringRequest(b"a,b"), ScoringRequest(b"1", "text/csv"), ScoringRequest(b"")):
        for title in INVOKING:
            assert found(request)[title].text == ""
            assert "JSON alone" in found(request)[title].note


def test_tools_that_cannot_send_headers_name_what_they_leave_out() -> None:
    programs = found(ScoringRequest(b"{}", headers=(("X-Tenant", "a"),)))
    for title in INVOKING:
        assert "X-Tenant" in programs[title].note
        assert "X-Tenant" not in programs[title].text
    for title in ("curl", "Python", "JavaScript"):
        assert "X-Tenant" in programs[title].text


def test_the_time_limit_is_in_every_program_that_can_have_one() -> None:
    programs = found(ScoringRequest(b"{}", timeout_seconds=2.5))
    assert "--max-time 2.5" in programs["curl"].text
    assert "timeout=2.5" in programs["Python"].text
    assert "AbortSignal.timeout(2500)" in programs["JavaScript"].text
    assert "300 s" not in programs["JavaScript"].note
    assert "300 s" in found(ScoringRequest(b"{}", timeout_seconds=301))["JavaScript"].note


def test_a_header_with_a_secret_is_read_from_the_environment() -> None:
    request = ScoringRequest(b"{}", headers=(("X-Api-Key", "abc123"), ("Cookie!", "abc123")))
    programs = found(request)
    asked = snippets.key_command(resources.endpoint(), request).text
    for text in (asked, *(each.text for each in programs.values())):
        assert "abc123" not in text
    assert "read -rs HEADER_X_API_KEY" in asked
    assert '--header "X-Api-Key: $HEADER_X_API_KEY"' in programs["curl"].text
    assert 'os.environ["HEADER_COOKIE_"]' in programs["Python"].text
    assert '"X-Api-Key": process.env.HEADER_X_API_KEY' in programs["JavaScript"].text


def test_a_repeated_header_keeps_all_its_values() -> None:
    programs = found(ScoringRequest(b"{}", headers=(("X-A", "1"), ("x-a", "2"))))
    assert "X-A: 1, 2" in programs["curl"].text


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("Key", "--query primaryKey"),
        ("AMLToken", "--query accessToken"),
        ("AADToken", "az account get-access-token --resource https://ml.azure.com"),
    ],
)
def test_the_key_is_filled_as_the_auth_mode_wants_it(mode: str, said: str) -> None:
    endpoint = resources.endpoint(authMode=mode)
    assert said in snippets.credential_command(endpoint)
    command = snippets.key_command(endpoint, ScoringRequest(b"{}")).text
    assert said in command
    subprocess.run(["bash", "-n"], input=command, text=True, check=True)


def test_the_endpoint_can_be_looked_at_from_a_shell() -> None:
    text = snippets.inspection(resources.endpoint()).text
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    assert "online-endpoint show --name digits" in text
