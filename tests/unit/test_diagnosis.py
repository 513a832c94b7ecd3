"""Why deployments failed, told from logs in the forms that Azure's containers and builds write, and from its codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.deploying import starter
from services.deploying.diagnosis import CONTAINER_LOG, MOST_CAUSES, diagnose
from services.deploying.model import Cause, Evidence, Phase

LOGS = sorted((Path(__file__).parent / "failure_logs").glob("*.txt"))
CRASHED = "User container has crashed or terminated: "
CODES = (
    (
        "OutOfQuota",
        "Not enough quota available for F2 in X. Current usage/limit: 0/6. Additional needed: 8",
        "quota-cores",
    ),
    ("UserError", "Endpoint Quota reached for subscription 1.Current usage/limit: 20/20.", "quota-endpoints"),
    ("OutOfQuota", "Container has exceeded the available disk. Choose a SKU with more.", "disk-full"),
    ("OutOfQuota", "Kubernetes unschedulable. Details:0/1 nodes are available: 1 Too many pods", "nodes"),
    ("OutOfCapacity", "No room.", "capacity"),
    ("OutOfQuota", "Something ran out.", "out-of-quota"),
    ("BadArgument", "Endpoint identity does not have pull permission on the registry.", "registry-authorization"),
    ("BadArgument", "Startup task failed due to authorization error.", "storage-authorization"),
    ("BadArgument", "Unable to download user model shop:3.", "model-download"),
    ("BadArgument", "Unable to download user container image.", "image-download"),
    ("UserError", "The specified endpoint name 'shop' is not available.", "name-taken"),
    ("BadRequest", "Specified deployment [blue] is in an unrecoverable state. Delete and re-create.", "unrecoverable"),
    ("AuthorizationFailed", "The client does not have authorization to perform action 'a/b/write'.", "permission"),
    (
        "AuthorizationFailed",
        "It does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write'.",
        "permission-roles",
    ),
    ("RequestDisallowedByPolicy", "Resource 'shop' was disallowed by policy.", "policy"),
    ("MissingSubscriptionRegistration", "It is not registered to use namespace 'Microsoft.Cdn'.", "provider"),
    ("Conflict", "Cannot create a deployment in endpoint shop: it is in Updating provisioning state.", "busy"),
    ("OperationCanceled", "Operation was canceled by another operation that has a higher priority.", "busy"),
    ("BadRequest", "The request is invalid.\n(MissingDriverProgram) Could not find driver program.", "no-code"),
    ("ServiceError", "Received 500 from a service request", "azure-failed"),
    ("SecretsInjectionError", "Could not read.", "secrets"),
    ("WorkspaceManagedNetworkNotReady", "", "network-not-ready"),
    ("UserError", "The instance count (sku.capacity) is 5000; it must be from 1 to 50.", "invalid-request"),
    ("ResourceNotFound", "The model shop:9 was not found.", "not-found"),
    ("InternalServerError", "Oops.", "azure-failed"),
    ("ResourceNotReady", "User container has crashed or terminated.", "no-log"),
    ("ResourceNotReady", f"{CRASHED}ModuleNotFoundError: No module named 'joblib'", "import-package"),
    ("ResourceNotReady", f"{CRASHED}RuntimeError: no weights", "init-raised"),
)


def read(path: Path) -> tuple[dict[str, str], str]:
    """The head of a kept log, by name, and the log."""
    head, _, log = path.read_text().partition("\n\n")
    return dict(line.split(": ", 1) for line in head.splitlines()), log


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_the_first_cause_is_the_right_one_and_has_its_line(path: Path) -> None:
    head, log = read(path)
    building = path.stem.startswith("build")
    evidence = Evidence(head["code"], head["message"], "" if building else log, log if building else "")

    first = diagnose(evidence)[0]

    assert first.code == head["cause"], diagnose(evidence)
    assert head["proof"] in first.proof
    assert first.fix


@pytest.mark.parametrize(("code", "message", "cause"), CODES, ids=[f"{code}-{cause}" for code, _, cause in CODES])
def test_the_documented_codes_are_told_by_their_messages(code: str, message: str, cause: str) -> None:
    first = diagnose(Evidence(code, message))[0]

    assert first.code == cause, first
    assert first.proof in message


def test_a_proof_names_the_line_of_its_log() -> None:
    log = (
        "fine\n2026-01-02 03:04:05,100 E [63] gunicorn.error - Worker (pid:63) was sent SIGKILL! Perhaps out of memory?"
    )

    first = diagnose(Evidence("ResourceNotReady", "User container has crashed or terminated.", log))[0]

    assert first.source == f"{CONTAINER_LOG}, line 2"
    assert first.proof == "Worker (pid:63) was sent SIGKILL! Perhaps out of memory?"


def test_a_refusal_is_not_explained_by_the_log_of_what_ran_before() -> None:
    log = (
        'Traceback (most recent call last):\n  File "/var/azureml-app/code/score.py", line 1, in init\nValueError: old'
    )

    first = diagnose(Evidence("OutOfQuota", "Not enough quota available for Standard_DS3_v2.", log))[0]

    assert first.code == "quota-cores"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("This request is not authorized to perform this operation using this permission.", "upload-authorization"),
        ("('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "upload-broken"),
    ],
)
def test_an_upload_has_reasons_of_its_own(message: str, cause: str) -> None:
    assert diagnose(Evidence("", message, phase=Phase.UPLOAD))[0].code == cause
    assert diagnose(Evidence("", message, phase=Phase.PROVISION))[0].code != cause


def test_an_error_is_found_whose_traceback_is_cut_off() -> None:
    log = "    from sklearn.svm import SVC\nModuleNotFoundError: No module named 'sklearn'\nWorker exiting (pid: 7)"

    first = diagnose(Evidence("ResourceNotReady", "User container has crashed or terminated.", log))[0]

    assert (first.code, first.source) == ("import-package", f"{CONTAINER_LOG}, line 2")
    assert "scikit-learn" in first.fix


def test_a_wrong_path_is_told_with_what_the_models_folder_holds() -> None:
    _, log = read(Path(__file__).parent / "failure_logs" / "server-path.txt")

    first = diagnose(Evidence("ResourceNotReady", "User container has crashed or terminated.", log))[0]

    assert first.fix == "AZUREML_MODEL_DIR holds model/factor.txt. Join it with one of these, as they are."


def test_a_search_for_the_model_that_finds_nothing_is_told_as_a_wrong_path() -> None:
    _, log = read(Path(__file__).parent / "failure_logs" / "server-glob.txt")

    first = diagnose(Evidence("ResourceNotReady", "User container has crashed or terminated: StopIteration", log))[0]

    assert first.cause == "The script looks for factor.txt where no such file is (code/score.py, line 14)."
    assert first.fix == "AZUREML_MODEL_DIR holds model/factor.txt. Join it with one of these, as they are."


def test_what_the_script_of_the_starter_kit_raises_without_its_model_is_a_wrong_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "azureml-models" / "1"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(folder))
    names: dict[str, Any] = {}
    exec(starter.files("shop", True)["code/score.py"], names)
    with pytest.raises(FileNotFoundError, match=r"model\.json was not found below .*azureml-models") as raised:
        names["init"]()
    (folder / "any").mkdir()
    (folder / "any" / "model.json").write_text('{"factor": 2}')
    names["init"]()
    assert names["run"]('{"data": [2]}') == [4]

    message = f"User container has crashed or terminated: FileNotFoundError: {raised.value}"
    assert diagnose(Evidence("ResourceNotReady", message))[0].code == "model-path"


def test_a_refusal_without_a_code_is_told_by_its_words() -> None:
    why = "Cannot create a deployment in endpoint shop because it is in Updating provisioning state."

    assert diagnose(Evidence("", why))[0].code == "busy"


def test_a_secret_in_the_proving_line_is_not_shown() -> None:
    log = (
        'Traceback (most recent call last):\n  File "/var/azureml-app/code/score.py", line 9, in init\n'
        "RuntimeError: cannot sign in to postgresql://me:hunter2hunter2@db/shop"
    )

    first = diagnose(Evidence("ResourceNotReady", "User container has crashed or terminated.", log))[0]

    assert first.proof == "RuntimeError: cannot sign in to postgresql://me:***@db/shop"


def test_numbers_that_azure_does_not_give_are_not_said() -> None:
    first = diagnose(Evidence("OutOfQuota", "Not enough quota available for Standard_DS3_v2."))[0]

    assert "not said of not said" in first.cause
    assert "None" not in first.cause


def test_what_run_raised_is_told_when_nothing_else_failed() -> None:
    log = (
        "Users's init has completed successfully\nTraceback (most recent call last):\n"
        '  File "/x/user_script.py", line 132, in invoke_run\n'
        "  File \"/var/azureml-app/code/score.py\", line 9, in run\nKeyError: 'data'"
    )

    first = diagnose(Evidence("", "", log, phase=Phase.READY))[0]

    assert first.code == "run-raised"
    assert "code/score.py, line 9" in first.cause


def test_what_is_not_known_is_said_with_azures_words() -> None:
    assert diagnose(Evidence("Teapot", "Short and stout.")) == (
        Cause(
            "not-known",
            "Azure gave a reason that is not known here. Its code is Teapot.",
            "Short and stout.",
            "Azure's message",
            "Read the container's log. If it says nothing, give Azure's support the request id.",
        ),
    )
    assert diagnose(Evidence("", ""))[0].cause == "Azure gave no reason."


@settings(max_examples=60, deadline=None)
@given(st.builds(Evidence, *[st.text(max_size=300)] * 4, phase=st.sampled_from([None, *Phase])))
def test_any_evidence_has_a_cause_and_few_of_them(evidence: Evidence) -> None:
    causes = diagnose(evidence)

    assert 1 <= len(causes) <= MOST_CAUSES
    assert len({cause.code for cause in causes}) == len(causes)


def test_a_log_of_the_longest_kind_is_read_in_a_breath() -> None:
    line = "2026-01-02 03:04:05,100 I [63] azmlinfsrv - " + "environment model not endpoint " * 200
    evidence = Evidence("ResourceNotReady", "x" * 50_000, "\n".join([line] * 400), line * 100)

    assert diagnose(evidence)[0].code == "no-log"
