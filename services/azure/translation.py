"""The one place where exceptions of the Azure SDKs become SluiceErrors: what failed, why, and what to do next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpResponse

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

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SECRETS = re.compile(
    r"(?i)(bearer\s+)[^\s\"',]+|eyJ[\w-]+\.[\w-]+\.[\w-]*|(\bsig=)[^&\s\"']+"
    r"|(\"?(?:primaryKey|secondaryKey|accessToken|access_token|client_secret)\"?\s*[:=]\s*\"?)[^\s\"',}]+"
)
_LONGEST_REASON = 600
_NO_ANSWER = ("refused", "failed to establish a new connection", "max retries exceeded", "failed to resolve")


@dataclass(frozen=True)
class Call:
    """What a call to Azure was about, for the words of its errors.

    ``role`` is the built-in Azure role that allows it, ``address`` the host it went to.
    """

    what: str
    role: str = "Reader"
    address: str = "Azure"
    is_local: bool = False
    tenant_id: str | None = None


@contextmanager
def translated(call: Call) -> Iterator[None]:
    """Turn what the SDKs raise inside the block into a SluiceError; let SluiceErrors pass."""
    try:
        yield
    except SluiceError:
        raise
    except (AzureError, requests.RequestException) as error:
        raise translate(error, call) from error


@contextmanager
def understood(call: Call, headers: Mapping[str, str] | None = None) -> Iterator[None]:
    """Around what reads an answer that came with a good status: a ServiceFailed when it is not what was asked for.

    Microsoft's clients end in whatever their own reading raises, when a proxy answers in Azure's place or half of a
    document is missing. ``headers`` of the answer may name the request.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise not_understood(call, headers) from error


def not_understood(call: Call, headers: Mapping[str, str] | None = None) -> ServiceFailed:
    """What an answer is that does not hold what was asked for."""
    why = f"{call.address} answered something that is not what was asked for."
    step = "Try again; if it stays, check that no proxy answers instead of Azure."
    return ServiceFailed(call.what, why, step, request_id=request_id_of(headers or {}))


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The id by which Azure's support finds the request that was answered with ``headers``."""
    return headers.get("x-ms-request-id") or headers.get("x-ms-correlation-request-id")


def translate(error: Exception, call: Call) -> SluiceError:
    """The SluiceError for ``error``. Never contains a token, a key or terminal colour codes."""
    if isinstance(error, HttpResponseError) and error.response is not None:
        status = int(error.response.status_code)
        return from_answer(status, error.response.headers, _text_of(error.response), call)
    if isinstance(error, ClientAuthenticationError):
        return _sign_in_failed(error, call)
    if isinstance(error, ServiceResponseTimeoutError | requests.ReadTimeout):
        return Timeout(call.what, f"{call.address} did not answer in time.", "Try again; the service may be busy.")
    # The client of Log Analytics raises another one while it handles this one.
    if any(isinstance(each, IncompleteReadError) for each in (error, error.__context__)):
        return ServiceFailed(call.what, f"{call.address} broke off in its answer.", "Try again in a minute.")
    if isinstance(error, ServiceRequestError | ServiceResponseError | requests.RequestException):
        return _unreachable(str(error), call)
    return ServiceFailed(call.what, clean(str(error)) + ".", "Try again; if it stays, report it with this text.")


def from_answer(status: int, headers: Mapping[str, str], text: str, call: Call) -> SluiceError:
    """The SluiceError for an HTTP answer with an error status."""
    code, message = reason(text)
    request_id = request_id_of(headers)
    why = _sentence(message or f"{call.address} answered {status}.")
    if status == 401:
        step = f"{_sign_in_hint(call)} Then try again."
        return SignInFailed(
            call.what, f"Azure does not accept the sign-in ({code or 401}): {why}", step, request_id=request_id
        )
    if status == 403:
        step = f"Ask an owner of the workspace for the role {call.role}; a new role takes a few minutes to work."
        return AccessDenied(call.what, why, step, request_id=request_id)
    if status == 404:
        return NotFound(call.what, why, _where_to_look(code), request_id=request_id)
    if status == 409:
        return Conflict(call.what, why, "Wait until the running operation ends, then try again.", request_id=request_id)
    if status == 429:
        wait = retry_after_seconds(headers)
        step = f"Wait {wait:.0f} seconds, then try again." if wait else "Wait a minute, then try again."
        return Throttled(call.what, why, step, request_id=request_id, retry_after_seconds=wait)
    if status == 408:
        return Timeout(call.what, why, "Try again; the service may be busy.", request_id=request_id)
    if 400 <= status < 500:
        return RuleBroken(
            call.what, f"Azure refused the request: {why}", "Correct it and try again.", request_id=request_id
        )
    step = "Try again in a minute; if it stays, look at the Azure service health or report the request id."
    return ServiceFailed(call.what, f"Azure failed with {status}: {why}", step, request_id=request_id)


def reason(text: str) -> tuple[str, str]:
    """Code and message of an Azure error body: nested (ARM), flat (Monitor), or with a JSON text inside (scoring)."""
    try:
        body = json.loads(text)
    except ValueError:
        return "", clean(text)
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error", body)
    if not isinstance(error, dict):
        return "", clean(str(error))
    messages = [str(error.get("message") or "")]
    for detail in error.get("details") or []:
        if isinstance(detail, dict):
            messages.extend(_inner_messages(str(detail.get("message") or "")))
    useful = [m for m in dict.fromkeys(messages) if m and m != "The request is invalid."]
    return str(error.get("code") or ""), clean(" ".join(useful))


def clean(text: str) -> str:
    """``text`` on one line, without terminal colours, tokens, keys or signatures, cut to a readable length."""
    plain = _ANSI.sub("", text)
    plain = " ".join(without_secrets(plain).split()).rstrip(".")
    return plain if len(plain) <= _LONGEST_REASON else plain[:_LONGEST_REASON] + "…"


def without_secrets(text: str) -> str:
    """``text`` without tokens, keys and signatures, its lines as they are."""
    return _SECRETS.sub(lambda m: f"{m[1] or m[2] or m[3] or ''}…", text)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks to wait; None when it is absent or not a number."""
    try:
        return max(0.0, float(headers.get("Retry-After") or headers.get("retry-after") or ""))
    except ValueError:
        return None


def _inner_messages(message: str) -> list[str]:
    """The texts of a validation problem that the scoring service wraps as JSON in a message."""
    try:
        inner: Any = json.loads(message)
        return [str(text) for texts in inner["errors"].values() for text in texts]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [message]


def _text_of(response: HttpResponse) -> str:
    try:
        return str(response.text())
    except (AzureError, ValueError, UnicodeDecodeError):
        return ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…", "!", "?")) else text + "."


def _sign_in_hint(call: Call) -> str:
    if call.is_local:
        return "Start the local Azure again and reload its environment."
    tenant = f" --tenant {call.tenant_id}" if call.tenant_id else ""
    return f"Run `az login{tenant}`, or give Sluice a managed identity or a service principal."


def _sign_in_failed(error: ClientAuthenticationError, call: Call) -> SluiceError:
    text = _ANSI.sub("", str(error))
    if any(sign in text.lower() for sign in _NO_ANSWER) and call.is_local:
        return _unreachable(text, call)
    entra = re.search(r"AADSTS\d+:[^\n]*", text)
    # The chain lists what each credential said, one to a line; its first line says only that none worked.
    attempts = [line.strip() for line in text.splitlines() if re.match(r"\t\w+: ", line)]
    first = next((line for line in text.splitlines() if line.strip()), "")
    why = clean(entra[0] if entra else " ".join(attempts) or first) or "No credential gave a token"
    return SignInFailed(call.what, _sentence(f"Signing in to Azure failed: {why}"), _sign_in_hint(call))


def _unreachable(text: str, call: Call) -> Unreachable:
    lower = text.lower()
    if "certificate" in lower:
        why = f"The TLS certificate of {call.address} is not trusted."
        step = "Point REQUESTS_CA_BUNDLE and SSL_CERT_FILE to a bundle that holds its certificate authority."
        return Unreachable(call.what, why, step)
    if "refused" in lower:
        why = f"{call.address} refuses connections."
    elif "resolve" in lower or "name or service" in lower or "getaddrinfo" in lower:
        why = f"The name of {call.address} cannot be resolved."
    elif "timed out" in lower or "timeout" in lower:
        why = f"{call.address} did not accept a connection in time."
    else:
        why = f"{call.address} did not answer."
    step = (
        "Start the local Azure again." if call.is_local else "Check the network, the proxy and the VPN, then try again."
    )
    return Unreachable(call.what, why, step)


def _where_to_look(code: str) -> str:
    if code in ("SubscriptionNotFound", "InvalidSubscriptionId"):
        return "Check AZURE_SUBSCRIPTION_ID, and that the signed-in account belongs to the subscription's tenant."
    if code == "ResourceGroupNotFound":
        return "Check AZURE_RESOURCE_GROUP; names of resource groups are the ones shown in the Azure portal."
    if code in ("ResourceNotFound", "ParentResourceNotFound"):
        return "Check AZUREML_WORKSPACE_NAME and the endpoint's name; it may have been deleted."
    return "Check the name; it may have been deleted."
