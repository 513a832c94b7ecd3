"""Which address of Azure Monitor a region's metrics are read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.azure.connection import Connection, connect
from services.azure.monitor import batch_address, refusal_key
from services.model import WorkspaceRef
from services.settings import Settings

WORKSPACE = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZUREML_WORKSPACE_NAME": "w"}


def connection(folder: Path, **more: str) -> Connection:
    return connect(Settings.read(WORKSPACE | more, folder))


@pytest.mark.parametrize(
    ("cloud", "region", "address"),
    [
        ("AzureCloud", "westeurope", "https://westeurope.metrics.monitor.azure.com"),
        ("AzureCloud", "West Europe", "https://westeurope.metrics.monitor.azure.com"),
        ("AzureUSGovernment", "usgovvirginia", "https://usgovvirginia.metrics.monitor.azure.us"),
        ("AzureChinaCloud", "chinanorth3", "https://chinanorth3.metrics.monitor.azure.cn"),
    ],
)
def test_each_region_has_its_own_address(tmp_path: Path, cloud: str, region: str, address: str) -> None:
    assert batch_address(connection(tmp_path, AZUREML_CURRENT_CLOUD=cloud), region) == address


def test_the_address_in_the_settings_counts_for_every_region(tmp_path: Path) -> None:
    conn = connection(tmp_path, SLUICE_METRICS_ENDPOINT="https://metrics.example")
    assert batch_address(conn, "westeurope") == batch_address(conn, "") == "https://metrics.example"


def test_without_a_region_it_is_the_workspaces_own_and_each_workspace_has_its_own(tmp_path: Path) -> None:
    conn = connection(tmp_path)
    conn.memory["monitor", "region", "s/g/w"] = "northeurope"
    conn.memory["monitor", "region", "s/g/other"] = "eastus"

    assert batch_address(conn, "") == "https://northeurope.metrics.monitor.azure.com"
    assert batch_address(conn.at(WorkspaceRef("S", "g", "other")), "") == "https://eastus.metrics.monitor.azure.com"


def test_what_is_refused_of_one_subscription_or_region_is_asked_of_the_others() -> None:
    asked = [
        ("n", "/subscriptions/A/x", "west"),
        ("n", "/subscriptions/B/x", "west"),
        ("n", "/subscriptions/A/x", "east"),
    ]

    assert len({refusal_key(*each) for each in asked}) == len(asked)
    assert refusal_key("n", "/subscriptions/a/y", "west") == refusal_key("n", "/subscriptions/A/x", "west")
