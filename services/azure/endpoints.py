"""Online endpoints and their deployments: list, read, and write the split without losing anything.

Reading and writing use Azure Resource Manager's own JSON. azure-ai-ml's entities lose fields on the way back (unknown
ones, sub-second durations, the endpoint's own location), and a split must change the split alone.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator

from azure.core.exceptions import ServiceRequestError

from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.documents import as_deployment, as_endpoint, split_of
from services.azure.operations import wait_for
from services.azure.translation import Call, translated
from services.errors import Conflict, NotFound, RuleBroken, Timeout, Unreachable
from services.model import Deployment, Endpoint, Split

API_VERSION = "2024-10-01"
"""A stable version that knows ``mirrorTraffic``. The stable versions 2022-05-01 and 2022-10-01 lack it (change log of
workspaces/onlineEndpoints), and a PUT through one of those would silently end the mirroring."""
BUSY_STATES = frozenset({"Creating", "Updating", "Scaling", "Deleting"})
"""Provisioning states in which Azure refuses another operation."""
_CONTRIBUTOR = "AzureML Data Scientist"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_READ_ONLY = ("id", "name", "type", "systemData", "etag")
_READ_ONLY_PROPERTIES = ("provisioningState", "scoringUri", "swaggerUri")


def list_endpoints(conn: Connection) -> list[Endpoint]:
    """All online endpoints of the workspace, sorted by name. Raises SluiceError."""
    call = conn.call("The endpoints could not be read.")
    documents = _pages(conn, f"{conn.workspace_path}/onlineEndpoints", call)
    return sorted((as_endpoint(document) for document in documents), key=lambda endpoint: endpoint.name)


def get_endpoint(conn: Connection, name: str) -> Endpoint:
    """One endpoint as Azure holds it now. Raises NotFound and the other SluiceErrors."""
    return as_endpoint(_read(conn, name))


def list_deployments(conn: Connection, endpoint: str) -> list[Deployment]:
    """The deployments of ``endpoint``, sorted by name. Raises NotFound and the other SluiceErrors."""
    call = conn.call(f"The deployments of {endpoint} could not be read.")
    documents = _pages(conn, f"{_path(conn, endpoint)}/deployments", call)
    return sorted((as_deployment(document, endpoint) for document in documents), key=lambda found: found.name)


def write_split(
    conn: Connection,
    name: str,
    expected: Split,
    after: Split,
    *,
    on_phase: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Replace the split of endpoint ``name`` and nothing else, and wait until Azure has done it.

    ``on_phase`` hears "reading", "writing" and "waiting" as they begin. Azure has no etag here, so a change by somebody
    else in the instant between the read and the write cannot be seen; reading back shows it.

    Raises Conflict when Azure no longer holds ``expected`` (then ``theirs`` is what it holds) or an operation is
    running, RuleBroken when Azure refuses the split, Timeout when the operation does not finish in time, and the other
    SluiceErrors.
    """
    on_phase("reading")
    document = _read(conn, name)
    _refuse_when_changed(name, document, expected)
    on_phase("writing")
    call = conn.call(f"The split of {name} was not changed.", _CONTRIBUTOR)
    path = _path(conn, name)
    lost = f"The new split of {name} was sent to Azure, but what became of it is not known."
    try:
        reply = conn.send("PUT", path, call, api_version=API_VERSION, body=with_split(document, after), retries=False)
    except (Timeout, Unreachable) as error:
        if isinstance(error.__cause__, ServiceRequestError):
            raise
        raise type(error)(lost, error.why, "Look at the split that Azure holds now, then decide again.") from error
    on_phase("waiting")
    wait_for(conn, reply, path, call, lost=lost, api_version=API_VERSION, clock=clock, sleep=sleep)


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
    identity = writable.get("identity")
    if isinstance(identity, dict):
        for key in ("principalId", "tenantId"):
            identity.pop(key, None)
        assigned = identity.get("userAssignedIdentities")
        if isinstance(assigned, dict):
            identity["userAssignedIdentities"] = {resource: {} for resource in assigned}
    return writable


def keys(conn: Connection, name: str) -> tuple[str, str]:
    """Primary and secondary key of endpoint ``name``. Never log or store them. Raises SluiceError."""
    call = conn.call(f"The keys of {name} could not be read.", _CONTRIBUTOR)
    body = conn.send("POST", f"{_path(conn, name)}/listKeys", call, api_version=API_VERSION).body
    return str(body.get("primaryKey") or ""), str(body.get("secondaryKey") or "")


def scoring_secret(conn: Connection, endpoint: Endpoint) -> str:
    """What a caller sends as bearer: the primary key, a token of the workspace, or an Entra token, by auth mode.

    Raises RuleBroken for an auth mode that is not known, and the other SluiceErrors.
    """
    if endpoint.auth_mode == "key":
        return keys(conn, endpoint.name)[0]
    call = conn.call(f"A token for {endpoint.name} could not be had.", _CONTRIBUTOR)
    if endpoint.auth_mode == "aml_token":
        body = conn.send("POST", f"{_path(conn, endpoint.name)}/token", call, api_version=API_VERSION).body
        return str(body.get("accessToken") or "")
    if endpoint.auth_mode == "aad_token":
        with translated(call):
            return str(conn.credential.get_token("https://ml.azure.com/.default").token)
    raise RuleBroken(call.what, f"Its auth mode is {endpoint.auth_mode}.", "Use key, aml_token or aad_token.")


def logs(
    conn: Connection, endpoint: str, deployment: str, lines: int = 200, container: str = "inference-server"
) -> str:
    """The newest ``lines`` lines of a deployment's container log, through azure-ai-ml.

    ``container`` is ``inference-server`` or ``storage-initializer``. Raises SluiceError.
    """
    with translated(conn.call(f"The log of {deployment} could not be read.", _CONTRIBUTOR)):
        text = conn.ml_client().online_deployments.get_logs(
            name=deployment, endpoint_name=endpoint, lines=lines, container_type=container
        )
    return str(text or "")


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
    return conn.send("GET", _path(conn, name), call, api_version=API_VERSION).body


def _pages(conn: Connection, path: str, call: Call) -> Iterator[Json]:
    while path:
        page = conn.send("GET", path, call, api_version=API_VERSION).body
        yield from page.get("value") or []
        path = page.get("nextLink") or ""


def _refuse_when_changed(name: str, document: Json, expected: Split) -> None:
    theirs = split_of(document)
    if theirs != expected:
        raise Conflict(
            f"The split of {name} was not changed.",
            "Somebody changed it since this page read it.",
            "Look at the split that Azure holds now, then decide again.",
            theirs=theirs,
        )
    state = str((document.get("properties") or {}).get("provisioningState") or "")
    if state in BUSY_STATES:
        raise Conflict(
            f"The split of {name} was not changed.",
            f"An operation is running on the endpoint: its state is {state}.",
            "Wait until it ends, then try again.",
        )
