"""What the exceptions of the Azure SDKs become, built from the real classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.identity import CredentialUnavailableError

from services.azure.translation import Call, clean, from_answer, reason, translate, translated, understood
from services.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    RuleBroken,
    ServiceFailed,
    SignInFailed,
    SluiceError,
    Throttled,
    Timeout,
    Unreachable,
)

CALL = Call("The endpoints could not be read.", "Reader", "management.azure.com", tenant_id="t-1")
LOCAL = Call("The endpoints could not be read.", address="localhost:8443", is_local=True)


def answer(
    status: int, code: str = "Code", message: str = "Because", headers: Mapping[str, str] | None = None
) -> SluiceError:
    body = json.dumps({"error": {"code": code, "message": message}})
    return from_answer(status, {"x-ms-request-id": "r-1", **(headers or {})}, body, CALL)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RuleBroken),
        (401, SignInFailed),
        (403, AccessDenied),
        (404, NotFound),
        (408, Timeout),
        (409, Conflict),
        (429, Throttled),
        (500, ServiceFailed),
        (501, ServiceFailed),
        (503, ServiceFailed),
    ],
)
def test_each_status_has_its_class_its_reason_and_its_request_id(status: int, kind: type[SluiceError]) -> None:
    error = answer(status)

    assert type(error) is kind
    assert error.what == CALL.what
    assert "Because." in error.why
    assert error.next_step
    assert error.request_id == "r-1"


def test_a_missing_role_is_named() -> None:
    assert "Reader" in answer(403).next_step


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("SubscriptionNotFound", "AZURE_SUBSCRIPTION_ID"),
        ("ResourceGroupNotFound", "AZURE_RESOURCE_GROUP"),
        ("ResourceNotFound", "AZUREML_WORKSPACE_NAME"),
    ],
)
def test_what_is_not_found_says_which_setting_to_check(code: str, setting: str) -> None:
    assert setting in answer(404, code).next_step


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("", None), ("Wed, 21 Oct 2026", None)])
def test_throttling_says_how_long_to_wait(header: str, seconds: float | None) -> None:
    error = answer(429, headers={"Retry-After": header})

    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == seconds


def test_an_expired_login_asks_to_sign_in_again() -> None:
    assert "az login --tenant t-1" in answer(401, "ExpiredAuthenticationToken").next_step


def test_no_credential_asks_to_sign_in() -> None:
    error = translate(CredentialUnavailableError("Azure CLI not found on path\nMore"), CALL)

    assert isinstance(error, SignInFailed)
    assert "Azure CLI not found on path." in error.why
    assert "az login" in error.next_step


def test_entras_own_reason_is_shown() -> None:
    text = (
        "DefaultAzureCredential failed\nAttempted:\n\tAzureCliCredential: AADSTS70043: The refresh token has expired."
    )
    error = translate(ClientAuthenticationError(text), CALL)

    assert "AADSTS70043: The refresh token has expired." in error.why


def test_a_local_azure_that_is_gone_is_unreachable_and_not_a_sign_in_problem() -> None:
    text = "ManagedIdentityCredential: Failed to establish a new connection: [Errno 111] Connection refused"
    error = translate(ClientAuthenticationError(text), LOCAL)

    assert isinstance(error, Unreachable)
    assert error.next_step == "Start the local Azure again."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("HTTPSConnectionPool: [Errno 111] Connection refused", "refuses connections"),
        ("NameResolutionError: Failed to resolve 'x' ([Errno -2] Name or service not known)", "cannot be resolved"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "is not trusted"),
        ("SSLError: EOF occurred in violation of protocol", "did not answer"),
        ("Connection to x timed out", "in time"),
        ("Something else", "did not answer"),
    ],
)
def test_no_connection_says_why(text: str, why: str) -> None:
    for error in (ServiceRequestError(text), ServiceResponseError(text), requests.ConnectionError(text)):
        translation = translate(error, CALL)

        assert isinstance(translation, Unreachable)
        assert why in translation.why
        assert "management.azure.com" in translation.why


def test_no_answer_in_time_is_a_timeout() -> None:
    assert isinstance(translate(ServiceResponseTimeoutError("read timed out"), CALL), Timeout)


def test_an_error_answer_inside_an_exception_is_explained_by_its_status() -> None:
    class Response:
        status_code = 403
        reason = "Forbidden"
        headers: Mapping[str, str] = {"x-ms-request-id": "r-2"}

        def text(self, _encoding: str | None = None) -> str:
            return '{"code":"AuthorizationFailed","message":"No role"}'

    error = translate(HttpResponseError("forbidden", response=Response()), CALL)

    assert isinstance(error, AccessDenied)
    assert (error.why, error.request_id) == ("No role.", "r-2")


def test_our_own_errors_pass_the_boundary_unchanged() -> None:
    mine = RuleBroken("a.", "b.", "c.")
    with pytest.raises(RuleBroken) as caught, translated(CALL):
        raise mine
    assert caught.value is mine


def test_an_answer_that_breaks_off_is_told_in_words() -> None:
    broken = IncompleteReadError("('Connection broken: IncompleteRead(48 bytes read)')")
    wrapped = HttpResponseError("wrapped")
    wrapped.__context__ = broken
    for error in (broken, wrapped):
        told = translate(error, CALL)
        assert type(told) is ServiceFailed
        assert told.why == "management.azure.com broke off in its answer."


@pytest.mark.parametrize("body", [None, [], "text", 7, {}, {"value": None}, {"value": [None]}, {"value": "x"}])
def test_an_answer_that_holds_something_else_is_told_with_its_request_id(body: Any) -> None:
    with pytest.raises(ServiceFailed, match="not what was asked for") as caught:  # noqa: SIM117 - the order matters
        with understood(CALL, {"x-ms-request-id": "r-3"}):
            _ = [each["name"]["value"] for each in body["value"]]
    assert caught.value.request_id == "r-3"


def test_other_peoples_bugs_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), translated(CALL):
        _ = 1 / 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"code": "A", "message": "nested"}}, ("A", "nested")),
        ({"code": "B", "message": "flat"}, ("B", "flat")),
        (
            {
                "error": {
                    "code": "BadRequest",
                    "message": "The request is invalid.",
                    "details": [
                        {"code": "InferencingClientCallFailed", "message": '{"errors":{"VmSize":["No quota"]}}'}
                    ],
                }
            },
            ("BadRequest", "No quota"),
        ),
        ({"error": {"code": "C", "message": "outer", "details": [{"message": "inner"}, None]}}, ("C", "outer inner")),
        ({"error": "plain"}, ("", "plain")),
        ([1], ("", "")),
    ],
)
def test_each_shape_of_azures_error_body_is_read(body: Any, expected: tuple[str, str]) -> None:
    assert reason(json.dumps(body)) == expected


def test_a_body_that_is_not_json_is_shown_as_it_is() -> None:
    assert reason("<html>Bad\n gateway</html>") == ("", "<html>Bad gateway</html>")


def test_texts_lose_colours_tokens_keys_and_length() -> None:
    text = (
        "\x1b[31mNo\x1b[0m  way: Bearer abc.def, eyJhbGci.eyJvaWQi.c2ln ?sv=1&sig=a%2Bb&x=1 "
        '"primaryKey": "topsecret" ' + "x" * 2000
    )
    shown = clean(text)

    assert shown.startswith("No way: Bearer …")
    for secret in ("\x1b", "abc.def", "eyJhbGci", "a%2Bb", "topsecret"):
        assert secret not in shown
    assert len(shown) < 700


def test_the_reason_of_each_credential_is_told_and_not_only_that_none_worked() -> None:
    text = (
        "DefaultAzureCredential failed to retrieve a token from the included credentials.\n"
        "Attempted credentials:\n\tEnvironmentCredential: Variables are missing.\n"
        "\tManagedIdentityCredential: The header is wrong.\nTo mitigate this issue, read the guide."
    )
    why = translate(ClientAuthenticationError(text), CALL).why
    assert "EnvironmentCredential: Variables are missing. ManagedIdentityCredential: The header is wrong." in why
    assert "mitigate" not in why
