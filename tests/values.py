"""Endpoints and deployments as values, for tests of rules that need no Azure."""

from __future__ import annotations

from collections.abc import Mapping

from services.model import Deployment, Endpoint, Split

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def endpoint(
    live: Mapping[str, int] | None = None,
    mirror: Mapping[str, int] | None = None,
    *,
    name: str = "digits",
    is_kubernetes: bool = False,
    scoring_uri: str = "https://localhost:1/score",
) -> Endpoint:
    """An endpoint with the given split."""
    return Endpoint(
        id=f"{WORKSPACE}/onlineEndpoints/{name}",
        name=name,
        workspace="w",
        location="westeurope",
        state="Succeeded",
        auth_mode="key",
        scoring_uri=scoring_uri,
        swagger_uri="",
        split=Split(live or {}, mirror or {}),
        description="",
        tags={},
        is_kubernetes=is_kubernetes,
        public_network_access=True,
        created_at=None,
        created_by="",
        modified_at=None,
        raw={},
    )


def deployments(*names: str, of: str = "digits", state: str = "Succeeded") -> list[Deployment]:
    """Deployments of endpoint ``of`` with the given names, all in one state."""
    return [
        Deployment(
            id=f"{WORKSPACE}/onlineEndpoints/{of}/deployments/{name}",
            endpoint=of,
            name=name,
            state=state,
            model="digits:1",
            environment="sklearn:1",
            instance_type="Standard_DS3_v2",
            instance_count=1,
            request_timeout_ms=5000,
            max_concurrent_requests=1,
            worker_count=1,
            created_at=None,
            modified_at=None,
            raw={},
        )
        for name in names
    ]
