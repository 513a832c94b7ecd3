"""The one connection of a process to one Azure cloud: credential, transport, clients, who and what may be done."""

from __future__ import annotations

import base64
import copy
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import requests
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, RetryPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import DefaultAzureCredential
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from requests.adapters import HTTPAdapter

from services.azure.clock import AzureClock
from services.azure.cloud import CONNECT_SECONDS, READ_SECONDS, Cloud, Json, find_cloud
from services.azure.credential import SharedCredential
from services.azure.translation import Call, from_answer, request_id_of, translated, understood
from services.errors import ServiceFailed
from services.model import WorkspaceRef
from services.settings import Settings

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_POOL_SIZE = 64
"""Connections kept per host: more than the threads that a busy Streamlit server and our own pools use at once."""
_QUICK = {"retry_total": 1, "retry_status": 0}
"""One immediate second try for a broken connection (a stale keep-alive after a server's restart). Error answers are
shown, not waited on: azure-core would sleep as long as Retry-After says, in front of a waiting person."""
_MOST_PAGES = 1000
"""Of one list. Azure's pages hold tens of entries or more; a list beyond this does not end."""
_WORKSPACE_API = "2024-10-01"
_PERMISSIONS_API = "2022-04-01"
_ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_OWN_NAMES = ("name", "upn", "preferred_username", "unique_name", "app_displayname", "appid", "oid")
"""Claims that name the owner of a token, the best for people first."""
_NOISY = ("azure.ai.ml", "azure.identity", "azure.core.pipeline.policies.http_logging_policy", "msal")

_registered: dict[str, str] = {}
_registering = threading.Lock()


@dataclass(frozen=True)
class Identity:
    """Who Azure says the credential belongs to. ``object_id`` is empty when the token does not tell."""

    name: str
    object_id: str


@dataclass(frozen=True)
class Permissions:
    """What the identity may do in the workspace, as Azure's own role assignments say."""

    can_read: bool
    can_change_traffic: bool
    can_score: bool


@dataclass(frozen=True)
class Workspace:
    """An Azure Machine Learning workspace. ``location`` is the region's short name."""

    ref: WorkspaceRef
    location: str

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self.ref.name


@dataclass(frozen=True)
class Reply:
    """An HTTP answer from Azure Resource Manager, its JSON body parsed."""

    status: int
    headers: Mapping[str, str]
    body: Json


class Connection:
    """A connection to the cloud of ``settings``, looking at one workspace: theirs, or the one of :meth:`at`.

    Thread-safe; one per process. Nothing is sent before it is needed. ``arm_host``, ``cloud_name`` and ``is_local`` may
    need one request for the cloud's metadata the first time, and raise Unreachable when it gets no answer.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workspace = WorkspaceRef.of(settings.workspace_path)
        # Copies for other workspaces share what is made late through the first one.
        self._root = self
        self._lock = threading.RLock()
        self._cloud: Cloud | None = None
        self._credential: SharedCredential | None = None
        self._arm: Any = None
        self._ml: dict[str, MLClient] = {}
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=_POOL_SIZE, pool_maxsize=_POOL_SIZE)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self.clock = AzureClock()
        # All clients send through the session, the Monitor ones too: every answer tells Azure's time.
        self._session.hooks["response"].append(self.clock.listen)
        # The session belongs to all clients; one client's close() must not end it for the others.
        self.transport = RequestsTransport(
            session=self._session,
            session_owner=False,
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
        )
        self.memory: dict[tuple[str, ...], Any] = {}
        """What modules of services.azure remember for the life of the connection: (module, key…) → value."""

    def at(self, workspace: WorkspaceRef) -> Connection:
        """The same connection looking at another workspace: one credential, one pool, one memory."""
        if workspace == self.workspace:
            return self
        other = copy.copy(self)
        other.workspace = workspace
        return other

    def now(self) -> datetime:
        """The present by Azure's clock, UTC: for spans, settled moments and ages of what Azure tells."""
        return self.clock.now()

    @property
    def workspace_path(self) -> str:
        """ARM path of the workspace."""
        return self.workspace.id

    @property
    def cloud(self) -> Cloud:
        """The cloud and its addresses. Raises Unreachable, NotConfigured, ServiceFailed."""
        with self._lock:
            if self._root._cloud is None:
                self._root._cloud = find_cloud(self.settings, self._session)
            return self._root._cloud

    @property
    def cloud_name(self) -> str:
        """Name of the cloud for people: "Local Azure", "Azure", "Azure US Government"…"""
        return self.cloud.title

    @property
    def is_local(self) -> bool:
        """Whether Azure Resource Manager is on this machine (a loopback host)."""
        return self.cloud.is_local

    @property
    def arm_host(self) -> str:
        """Host and port of Azure Resource Manager, for example ``management.azure.com``."""
        return self.cloud.arm_host

    @property
    def credential(self) -> SharedCredential:
        """The credential that everything signs in with: azure-identity's default chain, never an interactive one."""
        with self._lock:
            if self._root._credential is None:
                for name in _NOISY:
                    logging.getLogger(name).setLevel(logging.ERROR)
                chain = DefaultAzureCredential(
                    authority=self.cloud.authority,
                    exclude_interactive_browser_credential=True,
                    connection_timeout=CONNECT_SECONDS,
                    **_QUICK,
                )
                self._root._credential = SharedCredential(chain)
            return self._root._credential

    @property
    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every Azure SDK client gets: the shared transport and its quick retries."""
        return {"transport": self.transport, **_QUICK}

    def call(self, what: str, role: str = "Reader") -> Call:
        """What to tell when a call to this cloud fails."""
        cloud = self.cloud
        return Call(what, role, cloud.arm_host, cloud.is_local, self.settings.tenant_id)

    def send(
        self,
        method: str,
        path: str,
        call: Call,
        *,
        api_version: str,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        retries: bool = True,
    ) -> Reply:
        """One request to Azure Resource Manager. ``path`` may be a whole URL that Azure gave (nextLink, operations).

        Raises the SluiceError of any status from 400 on, in the words of ``call``.
        """
        url, query = path, {}
        if not path.startswith("https://"):
            url, query = self.cloud.resource_manager + path, {"api-version": api_version, **(params or {})}
        request = HttpRequest(method, url, params=query, json=body)
        with translated(call):
            answer = self._arm_client().send_request(request, **({} if retries else {"retry_total": 0}))
        if answer.status_code >= 400:
            raise from_answer(answer.status_code, answer.headers, answer.text(), call)
        return Reply(answer.status_code, answer.headers, _parsed(answer, call))

    def pages(
        self, path: str, call: Call, *, api_version: str, params: Mapping[str, str] | None = None
    ) -> Iterator[Json]:
        """The entries of a list of Azure Resource Manager, page by page as they are asked for.

        Raises ServiceFailed when the answer is not a list or its pages do not end, and what :meth:`send` raises.
        """
        seen: set[str] = set()
        while path:
            if path in seen or len(seen) >= _MOST_PAGES:
                why = f"{call.address} answered a list whose pages do not end."
                raise ServiceFailed(call.what, why, "Try again later; if it stays, ask Azure's support.")
            seen.add(path)
            reply = self.send("GET", path, call, api_version=api_version, params=params)
            # A list without "value" is not an empty one: nobody may take it for "there are none".
            with understood(call, reply.headers):
                listed = [dict(each) for each in reply.body["value"] or []]
                path = reply.body.get("nextLink") or ""
            yield from listed

    def ml_client(self) -> MLClient:
        """Microsoft's azure-ai-ml client for the workspace, made on first use (its import takes a second or two)."""
        with self._lock:
            if self.workspace.address not in self._ml:
                from azure.ai.ml import MLClient

                cloud = self.cloud
                described = {"cloud_metadata": cloud.metadata} if cloud.metadata else {}
                self._ml[self.workspace.address] = MLClient(
                    self.credential,
                    self.workspace.subscription_id,
                    self.workspace.resource_group,
                    self.workspace.name,
                    cloud=_sdk_name(cloud),
                    enable_telemetry=False,
                    **described,
                    **self.client_options,
                )
                for name in _NOISY:
                    logging.getLogger(name).setLevel(logging.ERROR)
            return self._ml[self.workspace.address]

    def _arm_client(self) -> ARMPipelineClient:
        with self._lock:
            if self._root._arm is None:
                policies = [
                    RequestIdPolicy(),
                    HeadersPolicy(),
                    UserAgentPolicy("sluice"),
                    RetryPolicy(**_QUICK),
                    ARMChallengeAuthenticationPolicy(self.credential, self.cloud.arm_scope),
                ]
                self._root._arm = ARMPipelineClient(
                    self.cloud.resource_manager, policies=policies, transport=self.transport
                )
            return self._root._arm


def connect(settings: Settings) -> Connection:
    """Make the connection. Sends nothing. Raises NotConfigured when the settings name no workspace."""
    return Connection(settings)


def who(conn: Connection) -> Identity:
    """Who is signed in, from the claims of an Azure Resource Manager token. Raises SignInFailed, Unreachable."""
    with translated(conn.call("Signing in to Azure failed.")):
        token = conn.credential.get_token(conn.cloud.arm_scope).token
    claims = _claims(token)
    name = next((str(claims[key]) for key in _OWN_NAMES if claims.get(key)), "unknown")
    return Identity(name, str(claims.get("oid") or ""))


def own_names(conn: Connection) -> frozenset[str]:
    """Every name under which Azure may have written down who made a change, when we made it: none when the token does
    not tell. Raises SignInFailed, Unreachable."""
    with translated(conn.call("Signing in to Azure failed.")):
        claims = _claims(conn.credential.get_token(conn.cloud.arm_scope).token)
    return frozenset(str(claims[name]) for name in _OWN_NAMES if claims.get(name))


def forbidden(conn: Connection, actions: Sequence[str]) -> tuple[str, ...]:
    """Those of ``actions``, below Microsoft.MachineLearningServices/workspaces/, that the identity may not do there.

    Raises SluiceError when Azure does not answer.
    """
    grants = _grants(conn)
    prefix = "Microsoft.MachineLearningServices/workspaces/"
    return tuple(action for action in actions if not _allowed(grants, prefix + action))


def permissions(conn: Connection) -> Permissions:
    """What the signed-in identity may do in the workspace. Raises SluiceError when Azure does not answer."""
    grants = _grants(conn)
    return Permissions(
        can_read=_allowed(grants, f"{_ENDPOINTS}/read"),
        can_change_traffic=_allowed(grants, f"{_ENDPOINTS}/write"),
        # A caller scores with a key (listKeys) or with a token of its own (score/action).
        can_score=_allowed(grants, f"{_ENDPOINTS}/listKeys/action") or _allowed(grants, f"{_ENDPOINTS}/score/action"),
    )


def workspace(conn: Connection) -> Workspace:
    """The connection's workspace as Azure knows it. Raises NotFound, AccessDenied, SignInFailed, Unreachable…"""
    call = conn.call(f"The workspace {conn.workspace.name} could not be read.")
    body = conn.send("GET", conn.workspace_path, call, api_version=_WORKSPACE_API).body
    return Workspace(conn.workspace, str(body.get("location", "")))


def _grants(conn: Connection) -> list[Mapping[str, Any]]:
    path = f"{conn.workspace_path}/providers/Microsoft.Authorization/permissions"
    call = conn.call("What you may do in the workspace could not be read.")
    return list(conn.pages(path, call, api_version=_PERMISSIONS_API))


def _allowed(grants: Sequence[Mapping[str, Any]], action: str) -> bool:
    """Whether any of Azure's permission entries grants ``action``; notActions count within their own entry only."""
    return any(
        _matches(grant.get("actions"), action) and not _matches(grant.get("notActions"), action) for grant in grants
    )


def _matches(patterns: Sequence[str] | None, action: str) -> bool:
    return any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in patterns or ())


def _claims(token: str) -> dict[str, Any]:
    """The payload of a JWT, unverified: it is shown, never trusted. Empty when the token is opaque."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _parsed(answer: HttpResponse, call: Call) -> Json:
    if not answer.content:
        return {}
    try:
        return answer.json()
    except ValueError as error:
        why = f"{call.address} answered something that is not JSON."
        step = "Check that no proxy answers instead of Azure."
        raise ServiceFailed(call.what, why, step, request_id=request_id_of(answer.headers)) from error


def _sdk_name(cloud: Cloud) -> str:
    """The name to register ``cloud`` under in azure-ai-ml, which keeps the first description of a name for ever."""
    with _registering:
        if _registered.setdefault(cloud.name, cloud.resource_manager) == cloud.resource_manager:
            return cloud.name
        return f"{cloud.name}-{cloud.arm_host}"
