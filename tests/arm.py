"""A plain ARM client for tests: what anyone could write with httpx, and nothing of the house."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

API_VERSION = "2024-10-01"


class Arm:
    """Speaks to the Azure that ``environment`` names. Refuses any host that is not this machine."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        metadata = urlsplit(environment["ARM_CLOUD_METADATA_URL"])
        if metadata.hostname not in ("localhost", "127.0.0.1"):
            raise RuntimeError(f"Tests write; {metadata.hostname} is not this machine.")
        self.environment = environment
        self.url = f"https://{metadata.netloc}"
        self.workspace = (
            f"/subscriptions/{environment['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{environment['AZURE_RESOURCE_GROUP']}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{environment['AZUREML_WORKSPACE_NAME']}"
        )
        self.http = httpx.Client(verify=ssl.create_default_context(cafile=environment["SSL_CERT_FILE"]), timeout=60)

    def token(self, resource: str = "https://management.azure.com") -> str:
        """A fresh access token for ``resource`` from the managed-identity endpoint."""
        answer = self.http.get(
            self.environment["IDENTITY_ENDPOINT"],
            params={"api-version": "2019-08-01", "resource": resource},
            headers={"X-IDENTITY-HEADER": self.environment["IDENTITY_HEADER"]},
        )
        return str(answer.raise_for_status().json()["access_token"])

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One ARM call; ``path`` is relative to the workspace unless it begins with /subscriptions."""
        target = path if path.startswith("/subscriptions") else f"{self.workspace}/{path}".rstrip("/")
        return self.http.request(
            method,
            self.url + target,
            params={"api-version": API_VERSION},
            headers={"Authorization": f"Bearer {self.token()}"},
            json=body,
        )

    def get(self, path: str) -> Any:
        """The parsed answer of a GET. Raises httpx.HTTPStatusError when it failed."""
        return self.call("GET", path).raise_for_status().json()

    def control(self, method: str, path: str, **options: Any) -> Any:
        """The parsed answer of a call to the local Azure's control routes."""
        answer = self.http.request(
            method,
            f"{self.environment['EMULATOR_CONTROL_URL']}/{path}",
            headers={"x-emulator-secret": self.environment["EMULATOR_CONTROL_SECRET"]},
            **options,
        )
        return answer.raise_for_status().json()

    def score(self, endpoint: str, body: str, **headers: str) -> httpx.Response:
        """One real request to ``endpoint``, with its primary key."""
        document = self.get(f"onlineEndpoints/{endpoint}")
        key = self.call("POST", f"onlineEndpoints/{endpoint}/listKeys").raise_for_status().json()["primaryKey"]
        return self.http.post(
            document["properties"]["scoringUri"],
            content=body,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers},
        )
