"""Endpoints and deployments read from ARM documents, for tests of what is made of whole documents."""

from __future__ import annotations

from typing import Any

from services.azure.documents import as_deployment, as_endpoint
from services.model import Deployment, Endpoint
from tests.values import WORKSPACE


def endpoint(name: str = "digits", *, top: dict[str, Any] | None = None, **properties: Any) -> Endpoint:
    """An endpoint whose document has these ``properties``, and ``top`` beside them."""
    return as_endpoint(
        {
            "id": f"{WORKSPACE}/onlineEndpoints/{name}",
            "name": name,
            "location": "westeurope",
            "properties": {
                "authMode": "Key",
                "provisioningState": "Succeeded",
                "scoringUri": f"https://{name}.westeurope.inference.ml.azure.com/score",
                **properties,
            },
            **(top or {}),
        }
    )


def deployment(
    name: str = "blue", *, of: str = "digits", top: dict[str, Any] | None = None, **properties: Any
) -> Deployment:
    """A deployment whose document has these ``properties``, and ``top`` beside them."""
    return as_deployment(
        {
            "id": f"{WORKSPACE}/onlineEndpoints/{of}/deployments/{name}",
            "name": name,
            "properties": {"provisioningState": "Succeeded", "instanceType": "Standard_DS3_v2", **properties},
            **(top or {}),
        },
        of,
    )
