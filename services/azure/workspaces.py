"""Which subscriptions and Azure Machine Learning workspaces the signed-in identity can see."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from services.azure.cloud import Json
from services.azure.connection import Connection, Workspace
from services.errors import Conflict
from services.model import WorkspaceRef

_SUBSCRIPTIONS_API = "2022-12-01"
_WORKSPACES_API = "2024-10-01"


@dataclass(frozen=True)
class Subscription:
    """An Azure subscription; ``name`` is the one that people gave it."""

    id: str
    name: str


def list_subscriptions(conn: Connection) -> list[Subscription]:
    """The enabled subscriptions that Azure shows to the identity, by name. Raises SluiceError."""
    call = conn.call("The subscriptions could not be read.")
    found = [
        Subscription(str(entry.get("subscriptionId") or ""), str(entry.get("displayName") or ""))
        for entry in conn.pages("/subscriptions", call, api_version=_SUBSCRIPTIONS_API)
        if str(entry.get("state") or "Enabled").lower() == "enabled"
    ]
    return sorted((each for each in found if each.id), key=lambda each: (each.name.lower(), each.id.lower()))


def list_workspaces(conn: Connection, subscription_id: str) -> list[Workspace]:
    """The workspaces of a subscription that the identity may read, by resource group and name. Raises SluiceError."""
    call = conn.call(f"The workspaces of the subscription {subscription_id} could not be read.")
    path = f"/subscriptions/{quote(subscription_id, safe='')}/providers/Microsoft.MachineLearningServices/workspaces"
    try:
        documents = list(conn.pages(path, call, api_version=_WORKSPACES_API))
    except Conflict:
        # A list cannot collide with an operation: this is MissingSubscriptionRegistration, so there are none.
        return []
    found = (_workspace(document) for document in documents)
    return sorted((each for each in found if each), key=lambda each: each.ref.address.lower())


def _workspace(document: Json) -> Workspace | None:
    try:
        ref = WorkspaceRef.of(str(document.get("id") or ""))
    except ValueError:
        return None
    return Workspace(ref, str(document.get("location") or "").replace(" ", "").lower())
