"""What an ARM path addresses, and what the operation is called."""

from __future__ import annotations

import pytest

from emulator.resources import asset_reference, operation_name, parse_path

GROUP = "/subscriptions/s/resourceGroups/g"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w"
ML = "Microsoft.MachineLearningServices/workspaces"


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", WORKSPACE, f"{ML}/read"),
        ("GET", f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces", f"{ML}/read"),
        ("PUT", f"{WORKSPACE}/onlineEndpoints/e", f"{ML}/onlineEndpoints/write"),
        ("DELETE", f"{WORKSPACE}/onlineEndpoints/e/deployments/d", f"{ML}/onlineEndpoints/deployments/delete"),
        ("POST", f"{WORKSPACE}/onlineEndpoints/e/listKeys", f"{ML}/onlineEndpoints/listKeys/action"),
        ("GET", f"{WORKSPACE}/providers/Microsoft.Insights/metrics", "Microsoft.Insights/metrics/read"),
        ("PUT", f"{WORKSPACE}/onlineEndpoints/providers", f"{ML}/onlineEndpoints/write"),
        ("GET", f"{WORKSPACE}/models/providers/versions/1", f"{ML}/models/versions/read"),
        ("GET", "/subscriptions/s/resourceGroups/providers", "Microsoft.Resources/subscriptions/resourceGroups/read"),
        ("GET", "/subscriptions/s", "Microsoft.Resources/subscriptions/read"),
    ],
)
def test_operations_bear_the_names_of_azures_roles(method: str, path: str, operation: str) -> None:
    assert operation_name(method, path) == operation


def test_paths_are_read_without_case() -> None:
    found = parse_path(WORKSPACE.upper() + "/ONLINEENDPOINTS/E")
    assert (found.subscription, found.resource_group, found.workspace) == ("S", "G", "W")
    assert found.segments == ("WORKSPACES", "W", "ONLINEENDPOINTS", "E")


def test_the_workspace_is_found_below_an_extension_resource() -> None:
    found = parse_path(f"{WORKSPACE}/onlineEndpoints/e/providers/Microsoft.Insights/metrics")
    assert found.workspace == "w"
    assert found.provider == "Microsoft.Insights"


def test_assets_are_found_in_their_collection_only() -> None:
    assert asset_reference(f"{WORKSPACE}/models/m/versions/3", "models") == ("m", "3")
    assert asset_reference(f"{WORKSPACE}/models/m/versions/3", "codes") is None
    assert asset_reference("", "models") is None
