"""Microsoft's own clients on a local Azure, and a note of every request that they send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from azure.ai.ml import MLClient
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient

from tests.local_azure import LocalAzure

_OPERATION = re.compile(r"mfeOperation(Status|sStatus|Results)/.*")


class RecordingTransport(RequestsTransport):  # type: ignore[misc]  # azure-core hides its type behind __getattr__
    """Notes method, last part of the path and status of every answer."""

    def __init__(self) -> None:
        super().__init__(connection_timeout=5, read_timeout=60)
        self.seen: list[tuple[str, str, int]] = []

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request and note it."""
        answer = super().send(request, **options)
        path = urlsplit(request.url).path
        below = path.partition("/workspaces/")[2].partition("/")[2]
        found = _OPERATION.search(path)
        self.seen.append((request.method, found[0].partition("/")[0] if found else below, answer.status_code))
        return answer

    @contextmanager
    def noted(self) -> Iterator[list[tuple[str, str, int]]]:
        """What is sent inside of the `with`, without the polls in between: each of them once."""
        noted: list[tuple[str, str, int]] = []
        self.seen.clear()
        yield noted
        for each in self.seen:
            if not noted or each != noted[-1] or "mfeOperation" not in each[1]:
                noted.append(each)


def ml_client(azure: LocalAzure, transport: RequestsTransport, **options: Any) -> MLClient:
    """azure-ai-ml as any script makes it; the environment says where Azure is. `options` go to MLClient."""
    values = azure.environment
    return MLClient(
        DefaultAzureCredential(),
        values["AZURE_SUBSCRIPTION_ID"],
        values["AZURE_RESOURCE_GROUP"],
        values["AZUREML_WORKSPACE_NAME"],
        transport=transport,
        **options,
    )


def management_client(azure: LocalAzure) -> MachineLearningServicesMgmtClient:
    """azure-mgmt-machinelearningservices with the arguments that it offers for sovereign clouds."""
    return MachineLearningServicesMgmtClient(
        DefaultAzureCredential(),
        azure.environment["AZURE_SUBSCRIPTION_ID"],
        base_url=azure.url,
        credential_scopes=[f"{azure.url}/.default"],
    )
