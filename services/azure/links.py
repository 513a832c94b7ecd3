"""Addresses of an endpoint in Azure's own web pages, per cloud."""

from __future__ import annotations

from urllib.parse import quote

from services.azure.cloud import Cloud
from services.model import Endpoint

_STUDIO = {
    "AzureCloud": "https://ml.azure.com",
    "AzureUSGovernment": "https://ml.azure.us",
    "AzureChinaCloud": "https://studio.ml.azure.cn",
}
_PORTAL = {
    "AzureCloud": "https://portal.azure.com",
    "AzureUSGovernment": "https://portal.azure.us",
    "AzureChinaCloud": "https://portal.azure.cn",
}


def studio(cloud: Cloud, endpoint: Endpoint, tenant_id: str | None = None) -> str | None:
    """The endpoint in Azure Machine Learning studio; None where none is known (the local Azure, private clouds)."""
    if cloud.name not in _STUDIO:
        return None
    tenant = f"&tid={quote(tenant_id, safe='')}" if tenant_id else ""
    workspace = quote(endpoint.workspace_ref.id, safe="/")
    return f"{_STUDIO[cloud.name]}/endpoints/realtime/{quote(endpoint.name, safe='')}/detail?wsid={workspace}{tenant}"


def portal(cloud: Cloud, endpoint: Endpoint, tenant_id: str | None = None) -> str | None:
    """The endpoint's resource in the Azure portal; None where no portal is known (the local Azure, private clouds)."""
    if cloud.name not in _PORTAL:
        return None
    tenant = f"@{quote(tenant_id, safe='')}/" if tenant_id else ""
    return f"{_PORTAL[cloud.name]}/#{tenant}resource{quote(endpoint.id, safe='/')}"
