"""Online endpoints and their deployments: list, read, and write the split without losing anything.

Reading and writing use Azure Resource Manager's own JSON. azure-ai-ml's entities lose fields on the way back (unknown
ones, sub-second durations, the endpoint's own location), and a split must change the split alone.
"""

from __future__ import annotations

import copy
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from requests.exceptions import ConnectTimeout
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from services.azure.cloud import Json
from services.azure.connection import Connection, Reply
from services.azure.documents import as_deployment, as_endpoint, moment
from services.azure.operations import Poll, poll, poll_resource
from services.azure.translation import Call, translated
from services.errors import (
    AccessDenied,
    Conflict,
    NotFound,
    RuleBroken,
    ServiceFailed,
    SignInFailed,
    SluiceError,
    Throttled,
)
from services.model import Deployment, Endpoint, Split

API_VERSION = "2024-10-01"
"""A stable version that knows ``mirrorTraffic``. The stable versions 2022-05-01 and 2022-10-01 lack it (change log of
workspaces/onlineEndpoints), and a PUT through one of those would silently end the mirroring."""
BUSY_STATES = frozenset({"Creating", "Updating", "Scaling", "Deleting"})
"""Provisioning states in which Azure refuses another operation."""
_CONTRIBUTOR = "AzureML Data Scientist"
_LOOK = "Look at the split that Azure holds now, then decide again."
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_READ_ONLY = ("id", "name", "type", "systemData", "etag")
_READ_ONLY_PROPERTIES = ("provisioningState", "scoringUri", "swaggerUri")


def list_endpoints(conn: Connection) -> list[Endpoint]:
    """All online endpoints of the workspace, sorted by name. Raises SluiceError."""
    call = conn.call("The endpoints could not be read.")
    documents = conn.pages(f"{conn.workspace_path}/onlineEndpoints", call, api_version=API_VERSION)
    return sorted((as_endpoint(document) for document in documents), key=lambda endpoint: endpoint.name)


def get_endpoint(conn: Connection, name: str) -> Endpoint:
    """One endpoint as Azure holds it now. Raises NotFound and the other SluiceErrors."""
    return as_endpoint(_read(conn, name))


def list_deployments(conn: Connection, endpoint: str) -> list[Deployment]:
    """The deployments of ``endpoint``, sorted by name. Raises NotFound and the other SluiceErrors."""
    call = conn.call(f"The deployments of {endpoint} could not be read.")
    documents = conn.pages(f"{_path(conn, endpoint)}/deployments", call, api_version=API_VERSION)
    return sorted((as_deployment(document, endpoint) for document in documents), key=lambda found: found.name)


@dataclass(frozen=True)
class Sent:
    """What is known of a write that has left for Azure.

    ``doubt`` is None when Azure has accepted it, else it says why nobody knows whether Azure has it. ``operation`` is
    where its progress can be asked for, "" when Azure named no such place. ``modified_at`` is Azure's own time of the
    write, None when its answer does not tell.
    """

    operation: str = ""
    modified_at: datetime | None = None
    request_ids: tuple[str, ...] = ()
    doubt: SluiceError | None = None


def send_split(conn: Connection, endpoint: Endpoint, after: Split) -> Sent:
    """Send one PUT that replaces the split in ``endpoint``'s document and nothing else. Never sent twice from here.

    Azure has no etag here: what somebody else wrote since the document was read is overwritten.

    Returns what is known when Azure has, or may have, the write. Raises when it certainly has not: RuleBroken when it
    refuses the split, Conflict when an operation is running, Throttled, NotFound, AccessDenied, SignInFailed, and
    Unreachable when no connection came about.
    """
    call = conn.call(f"The split of {endpoint.name} was not changed.", _CONTRIBUTOR)
    body = with_split(dict(endpoint.raw), after)
    try:
        reply = conn.send("PUT", _path(conn, endpoint.name), call, api_version=API_VERSION, body=body, retries=False)
        document = _object(reply, call)
    except (RuleBroken, Conflict, Throttled, NotFound, AccessDenied, SignInFailed):
        raise
    except SluiceError as error:
        if never_left(error.__cause__):
            raise
        lost = f"The new split of {endpoint.name} was sent to Azure, but what became of it is not known."
        doubt = type(error)(lost, error.why, _LOOK, request_id=error.request_id)
        return Sent(doubt=doubt, request_ids=(error.request_id,) if error.request_id else ())
    return Sent(
        operation=reply.headers.get("Azure-AsyncOperation") or "",
        modified_at=moment((document.get("systemData") or {}).get("lastModifiedAt")),
        request_ids=_request_ids(reply.headers),
    )


def poll_split(conn: Connection, endpoint: Endpoint, operation: str) -> Poll:
    """How far Azure is with a write that it has accepted. Raises SluiceError when that cannot be read."""
    what = f"The split of {endpoint.name} was not changed."
    if operation:
        return poll(conn, operation, conn.call(what, _CONTRIBUTOR), api_version=API_VERSION)
    return poll_resource(conn, _path(conn, endpoint.name), conn.call(what, _CONTRIBUTOR), api_version=API_VERSION)


def with_split(document: Json, split: Split) -> Json:
    """A copy of an endpoint's ARM document that can be PUT, with ``split`` as its live and mirrored traffic.

    Everything else survives, known to us or not, but for what only Azure can set: ids, system data, state, addresses,
    and the ids inside ``identity`` (Azure takes an empty object for each user-assigned identity).
    """
    writable = {key: copy.deepcopy(value) for key, value in document.items() if key not in _READ_ONLY}
    properties = writable.setdefault("properties", {})
    for key in _READ_ONLY_PROPERTIES:
        properties.pop(key, None)
    properties["traffic"] = dict(split.live)
    properties["mirrorTraffic"] = dict(split.mirror)
    clean_identity(writable)
    return writable


def clean_identity(document: Json) -> None:
    """Take out of a document that is to be PUT what only Azure can set of its identity. Its type stays, and so do the
    ids of those that people have assigned: Azure takes an empty object for each."""
    identity = document.get("identity")
    if isinstance(identity, dict):
        for key in ("principalId", "tenantId"):
            identity.pop(key, None)
        assigned = identity.get("userAssignedIdentities")
        if isinstance(assigned, dict):
            identity["userAssignedIdentities"] = {resource: {} for resource in assigned}


def keys(conn: Connection, name: str) -> tuple[str, str]:
    """Primary and secondary key of endpoint ``name``. Never log or store them. Raises SluiceError."""
    call = conn.call(f"The keys of {name} could not be read.", _CONTRIBUTOR)
    body = conn.send("POST", f"{_path(conn, name)}/listKeys", call, api_version=API_VERSION).body
    return str(body.get("primaryKey") or ""), str(body.get("secondaryKey") or "")


@dataclass(frozen=True)
class ScoringSecret:
    """What a caller of an endpoint sends as bearer. A token is to be renewed from ``refresh_at`` on; a key never."""

    value: str = field(repr=False)
    expires_at: datetime | None = None
    refresh_at: datetime | None = None


def scoring_secret(conn: Connection, endpoint: Endpoint) -> ScoringSecret:
    """What a caller sends as bearer: the primary key, a token of the workspace, or an Entra token, by auth mode.

    Raises RuleBroken for an auth mode that is not known, and the other SluiceErrors.
    """
    if endpoint.auth_mode == "key":
        return ScoringSecret(keys(conn, endpoint.name)[0])
    call = conn.call(f"A token for {endpoint.name} could not be had.", _CONTRIBUTOR)
    if endpoint.auth_mode == "aml_token":
        body = conn.send("POST", f"{_path(conn, endpoint.name)}/token", call, api_version=API_VERSION).body
        return ScoringSecret(
            str(body.get("accessToken") or ""),
            _epoch(body.get("expiryTimeUtc")),
            _epoch(body.get("refreshAfterTimeUtc")),
        )
    if endpoint.auth_mode == "aad_token":
        with translated(call):
            token = conn.credential.get_token("https://ml.azure.com/.default")
        expires_at = _epoch(token.expires_on)
        # azure-identity answers from its own cache until five minutes before the end.
        return ScoringSecret(str(token.token), expires_at, expires_at and expires_at - timedelta(minutes=5))
    raise RuleBroken(call.what, f"Its auth mode is {endpoint.auth_mode}.", "Use key, aml_token or aad_token.")


def _epoch(seconds: object) -> datetime | None:
    """A moment in seconds since 1970. Azure's token answers have 0 where there is none."""
    return datetime.fromtimestamp(float(seconds), UTC) if isinstance(seconds, int | float) and seconds > 0 else None


def logs(conn: Connection, endpoint: str, deployment: str, lines: int = 200, container: str = "InferenceServer") -> str:
    """The newest ``lines`` lines of a deployment's container log.

    ``container`` is ``InferenceServer`` or ``StorageInitializer``. Raises SluiceError. Asked of Azure Resource Manager
    itself: azure-ai-ml takes a second or two to load, and what it leaves in memory slows every page down.
    """
    call = conn.call(f"The log of {deployment} could not be read.", _CONTRIBUTOR)
    path = f"{_path(conn, endpoint)}/deployments/{deployment}/getLogs"
    asked = {"containerType": container, "tail": lines}
    reply = conn.send("POST", path, call, api_version=API_VERSION, body=asked)
    return str(_object(reply, call).get("content") or "")


def _path(conn: Connection, name: str) -> str:
    # The name may come from an address bar. One that Azure cannot have is not sent, so it leads nowhere else.
    if not _NAME.fullmatch(name):
        raise NotFound(
            f"The endpoint {name} could not be read.",
            "No endpoint can have this name: names are letters, digits and dashes.",
            "Choose one from the list of endpoints.",
        )
    return f"{conn.workspace_path}/onlineEndpoints/{name}"


def _read(conn: Connection, name: str) -> Json:
    call = conn.call(f"The endpoint {name} could not be read.")
    return _object(conn.send("GET", _path(conn, name), call, api_version=API_VERSION), call)


def _object(reply: Reply, call: Call) -> Json:
    if not isinstance(reply.body, dict):
        why = f"{call.address} answered something that is not what was asked for."
        raise ServiceFailed(call.what, why, "Check that no proxy answers instead of Azure.")
    return reply.body


def _request_ids(headers: Mapping[str, str]) -> tuple[str, ...]:
    found = (headers.get(name) or "" for name in ("x-ms-correlation-request-id", "x-ms-request-id"))
    return tuple(dict.fromkeys(each for each in found if each))


def never_left(error: BaseException | None) -> bool:
    """Whether a request failed before any of it was sent: no connection, no trusted certificate.

    A broken connection alone does not tell: azure-core calls some errors after sending ServiceRequestError too.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, NewConnectionError | ConnectTimeoutError | ConnectTimeout | ssl.SSLCertVerificationError):
            return True
        kept = (getattr(error, "inner_exception", None), getattr(error, "reason", None), *error.args)
        inner = [each for each in kept if isinstance(each, BaseException)]
        error = error.__cause__ or next(iter(inner), None) or error.__context__
    return False
