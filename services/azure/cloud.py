"""Which Azure cloud a process works in, and the addresses that follow from it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import requests

from services.azure.translation import Call, translated
from services.errors import NotConfigured, ServiceFailed
from services.settings import Settings

Json: TypeAlias = Any
"""Parsed JSON: only the code that reads it knows its shape."""
CONNECT_SECONDS = 5.0
"""Time to open a connection. The local Azure and every Azure region answer within a fraction of it."""
READ_SECONDS = 30.0
"""Time between two bytes of an answer: half of what ARM allows itself; a page must not wait longer."""

_PEOPLE_SAY = {
    "AzureCloud": "Azure",
    "AzureUSGovernment": "Azure US Government",
    "AzureChinaCloud": "Azure China",
    "AzureLocal": "Local Azure",
}


@dataclass(frozen=True)
class Cloud:
    """One Azure cloud. ``metadata`` is what azure-ai-ml needs for a cloud it does not know, else None."""

    name: str
    resource_manager: str
    authority: str
    metrics_domain: str
    metadata: dict[str, str] | None = None

    @property
    def title(self) -> str:
        """The name for people."""
        return _PEOPLE_SAY.get(self.name, self.name)

    @property
    def arm_scope(self) -> str:
        """The token scope of Azure Resource Manager."""
        return f"{self.resource_manager}/.default"

    @property
    def arm_host(self) -> str:
        """Host, and port when it is not the usual one, of Azure Resource Manager."""
        return urlsplit(self.resource_manager).netloc

    @property
    def is_local(self) -> bool:
        """Whether Azure Resource Manager runs on this machine."""
        return is_loopback(self.resource_manager)


_KNOWN = {
    cloud.name: cloud
    for cloud in (
        Cloud("AzureCloud", "https://management.azure.com", "login.microsoftonline.com", "metrics.monitor.azure.com"),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "login.microsoftonline.us",
            "metrics.monitor.azure.us",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "login.chinacloudapi.cn",
            "metrics.monitor.azure.cn",
        ),
    )
}


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_cloud(settings: Settings, session: requests.Session) -> Cloud:
    """The cloud that the settings name; one request when it is described by a metadata address.

    Raises NotConfigured for an unknown name, Unreachable or ServiceFailed when the metadata cannot be had.
    """
    url = settings.cloud_metadata_url
    if url:
        return _described(url, _fetch(url, session))
    name = settings.cloud or "AzureCloud"
    if name not in _KNOWN:
        raise NotConfigured(
            "The Azure cloud is not known.",
            f"AZUREML_CURRENT_CLOUD is {name}.",
            f"Set it to one of {', '.join(_KNOWN)}, or set ARM_CLOUD_METADATA_URL.",
        )
    return _KNOWN[name]


def _fetch(url: str, session: requests.Session) -> Json:
    call = Call("The description of the Azure cloud could not be read.", address=urlsplit(url).netloc)
    with translated(Call(call.what, address=call.address, is_local=is_loopback(url))):
        answer = session.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False)
    step = "Check ARM_CLOUD_METADATA_URL."
    if answer.status_code != 200:
        raise ServiceFailed(call.what, f"{call.address} answered {answer.status_code}.", step)
    try:
        return answer.json()
    except requests.JSONDecodeError as error:
        raise ServiceFailed(call.what, f"{call.address} answered something that is not JSON.", step) from error


def _described(url: str, document: Json) -> Cloud:
    """The cloud of a metadata document (api-version 2019-05-01: one object, or a list of clouds)."""
    clouds = document if isinstance(document, list) else [document]
    try:
        host = urlsplit(url).netloc
        one = next((c for c in clouds if urlsplit(c["resourceManager"]).netloc == host), clouds[0])
        manager = str(one["resourceManager"]).rstrip("/")
        login = str(one["authentication"]["loginEndpoint"])
        metadata = {
            "azure_portal": str(one["portal"]),
            "resource_manager": manager + "/",
            "active_directory": login,
            "aml_resource_id": manager,
            "storage_endpoint": str(one["suffixes"]["storage"]),
            "registry_discovery_endpoint": manager + "/",
        }
        known = next((c for c in _KNOWN.values() if c.resource_manager == manager), None)
        return known or Cloud(str(one["name"]), manager, login.rstrip("/"), "metrics.monitor.azure.com", metadata)
    except (KeyError, IndexError, TypeError) as error:
        raise ServiceFailed(
            "The description of the Azure cloud makes no sense.",
            f"{url} lacks {error}.",
            "Check ARM_CLOUD_METADATA_URL.",
        ) from error
