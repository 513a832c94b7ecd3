"""Deploy with azure-ai-ml, as ``az ml … create -f`` does, for a process that does nothing else.

azure-ai-ml is what reads the YAML, uploads the files and registers them here, so that a trial finds what a real
deployment would find. It writes to stdout while it waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from azure.core.exceptions import AzureError, HttpResponseError

from services.azure.connection import Connection
from services.azure.translation import clean, reason, translate
from services.errors import RuleBroken, SluiceError

if TYPE_CHECKING:
    from azure.core.polling import LROPoller

_ROLE = "AzureML Data Scientist"
_FAILED_OPERATION = 200


class DeploymentFailed(SluiceError):
    """Azure accepted the deployment and it did not come up. ``code`` and ``message`` are Azure's."""

    def __init__(self, what: str, code: str, message: str) -> None:
        super().__init__(what, message, "Read the cause and the log below, change the files, and try again.")
        self.code = code
        self.message = message


def make_endpoint(conn: Connection, document: Mapping[str, Any], wait: Callable[[], None]) -> None:
    """Make or update the endpoint that ``document`` describes, in the CLI's schema, and return when it is there.

    ``wait`` is called again and again in between; what it raises ends the waiting. Raises SluiceError.
    """
    from azure.ai.ml import load_online_endpoint

    what = f"The endpoint {document['name']} was not made."
    try:
        entity = load_online_endpoint(StringIO(_text(document)))
        _finish(conn.ml_client().online_endpoints.begin_create_or_update(entity), wait)
    except Exception as error:
        # azure-ai-ml raises whatever its parts raise; all of it is told in words.
        raise _told(conn, error, what) from error


def deploy(
    conn: Connection,
    document: Mapping[str, Any],
    origin: Path,
    *,
    accepted: Callable[[], None],
    wait: Callable[[], None],
) -> None:
    """Make or update the deployment that ``document`` describes and return when it is ready.

    Paths in it are relative to the folder of the file ``origin``. ``accepted`` is called when files are uploaded and
    registered and Azure has the deployment; ``wait`` again and again from then on, and what it raises ends the waiting.
    Raises DeploymentFailed, and the other SluiceErrors.
    """
    from azure.ai.ml import load_online_deployment

    what = f"The deployment {document['name']} did not come up."
    try:
        entity = load_online_deployment(StringIO(_text(document)), relative_origin=str(origin))
        poller = conn.ml_client().online_deployments.begin_create_or_update(entity)
        accepted()
        _finish(poller, wait)
    except Exception as error:
        # azure-ai-ml raises whatever its parts raise; all of it is told in words.
        raise _told(conn, error, what) from error


def _text(document: Mapping[str, Any]) -> str:
    # JSON is YAML, and keeps "3.10" a text.
    return json.dumps(document, ensure_ascii=False)


def _finish(poller: LROPoller[Any], wait: Callable[[], None]) -> None:
    while not poller.done():
        wait()
    poller.result()


def _told(conn: Connection, error: Exception, what: str) -> SluiceError:
    """The SluiceError for what azure-ai-ml raised. Its own validation raises its own and marshmallow's exceptions."""
    if isinstance(error, SluiceError):
        return error
    if isinstance(error, HttpResponseError) and error.status_code == _FAILED_OPERATION:
        code, message = _of_operation(error)
        return DeploymentFailed(what, code, message)
    if isinstance(error, AzureError | requests.RequestException) and (
        not isinstance(error, HttpResponseError) or error.response is not None
    ):
        translated = translate(error, conn.call(what, _ROLE))
        code = ""
        if isinstance(error, HttpResponseError) and error.response is not None:
            with suppress(AzureError, ValueError):
                code, _ = reason(error.response.text())
        return DeploymentFailed(what, code, translated.why) if isinstance(translated, RuleBroken) else translated
    return RuleBroken(what, f"azure-ai-ml refused it: {clean(str(error))}.", "Correct the files and try again.")


def _of_operation(error: HttpResponseError) -> tuple[str, str]:
    found = getattr(error, "error", None)
    code, message = str(getattr(found, "code", "") or ""), str(getattr(found, "message", "") or "")
    return code, clean(message or str(error)) + "."
