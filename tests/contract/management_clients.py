"""The management clients of Azure Monitor as their users make them for a local Azure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import RequestIdPolicy, RetryPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.monitor import MonitorManagementClient

from tests.local_azure import LocalAzure

SCOPE = "https://management.azure.com/.default"


class Credential:
    """Tokens of the owner or the reader of a local Azure."""

    def __init__(self, azure: LocalAzure, role: str = "owner") -> None:
        self._azure = azure
        self._role = role

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for the first scope."""
        resource = scopes[0].removesuffix("/.default")
        return AccessToken(self._azure.token(self._role, resource), 4_000_000_000)


def monitor_client(azure: LocalAzure, role: str = "owner") -> MonitorManagementClient:
    """The management client; only its address differs from one for Azure."""
    return MonitorManagementClient(
        Credential(azure, role),
        azure.environment["AZURE_SUBSCRIPTION_ID"],
        base_url=azure.url,
        credential_scopes=[SCOPE],
        connection_verify=azure.bundle,
    )


class DiagnosticSettings:
    """What azure-mgmt-monitor 7 lacks, on the public parts of azure-mgmt-core."""

    def __init__(self, azure: LocalAzure) -> None:
        policies = [
            RequestIdPolicy(),
            UserAgentPolicy("tests"),
            RetryPolicy(),
            ARMChallengeAuthenticationPolicy(Credential(azure), SCOPE),
        ]
        self._client: ARMPipelineClient[HttpRequest, HttpResponse] = ARMPipelineClient(
            base_url=azure.url, policies=policies, connection_verify=azure.bundle
        )

    def send(self, method: str, resource: str, name: str = "", body: Mapping[str, Any] | None = None) -> HttpResponse:
        """One request about the settings of a resource."""
        path = f"{resource}/providers/Microsoft.Insights/diagnosticSettings{name and '/' + name}"
        request = HttpRequest(method, path, params={"api-version": "2021-05-01-preview"}, json=body)
        request.url = self._client.format_url(request.url)
        return self._client.send_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
