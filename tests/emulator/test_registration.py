"""The gate in front of ARM: namespaces, resource types and api-versions, in Azure's own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator.arm.api_versions import BATCH_VERSIONS, RESOURCES_VERSIONS, find_type, provider_name, types_of
from emulator.arm.registration import check_registered
from emulator.errors import ServiceError
from emulator.resources import parse_path
from tests.local_azure import ROOT

GROUP = "/subscriptions/s/resourceGroups/g"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w"


def check(method: str, path: str, version: str) -> None:
    check_registered(method, parse_path(path), version, "westeurope")


def refused(method: str, path: str, version: str) -> tuple[int, str, str]:
    with pytest.raises(ServiceError) as caught:
        check(method, path, version)
    return caught.value.status, caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("method", "path", "version"),
    [
        ("GET", WORKSPACE, "2024-10-01-preview"),
        ("GET", WORKSPACE.upper() + "/ONLINEENDPOINTS", "2022-02-01-preview"),
        ("PUT", f"{WORKSPACE}/onlineEndpoints/e/deployments/d", "2023-04-01-preview"),
        ("POST", f"{WORKSPACE}/onlineEndpoints/e/listKeys", "2026-07-01"),
        ("POST", f"{WORKSPACE}/listKeys", "2020-06-01"),
        ("POST", f"{WORKSPACE}/codes/c/versions/1/startPendingUpload", "2023-04-01"),
        ("GET", "/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/x/vmSizes", "2025-12-01"),
        ("GET", f"{WORKSPACE}/onlineEndpoints/e/providers/microsoft.insights/metrics", "2024-02-01"),
        ("GET", "/subscriptions/s/providers/Microsoft.Insights/eventtypes/management/values", "2015-04-01"),
        ("PUT", f"{GROUP}/providers/Microsoft.Insights/autoscalesettings/a", "2022-10-01"),
        ("GET", f"{WORKSPACE}/providers/Microsoft.Authorization/permissions", "2022-04-01"),
        ("GET", GROUP, "2021-04-01"),
        ("GET", "/subscriptions", "2022-12-01"),
        ("GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/v", "2024-07-01"),
        ("GET", f"{WORKSPACE}/jobs", "2023-10-01"),
        ("POST", "/subscriptions/s/metrics:getBatch", "2023-10-01"),
    ],
)
def test_what_was_published_passes(method: str, path: str, version: str) -> None:
    check(method, path, version)


@pytest.mark.parametrize("version", ["1", "banana", "2024-13-01", "2024-1-1", "2023-04-01-preview-2", "2023-04-01\n"])
def test_a_version_that_is_no_date_is_invalid_and_valid_ones_are_listed(version: str) -> None:
    status, code, message = refused("GET", WORKSPACE, version)
    assert (status, code) == (400, "InvalidApiVersionParameter")
    assert ",".join(sorted(RESOURCES_VERSIONS, reverse=True)) in message


def test_a_date_that_was_never_published_is_refused_with_those_that_were() -> None:
    status, code, message = refused("GET", f"{WORKSPACE}/onlineendpoints/e", "2022-11-01")
    assert (status, code) == (400, "NoRegisteredProviderFound")
    assert message.startswith(
        "No registered resource provider found for location 'westeurope' and API version '2022-11-01' for type"
        " 'workspaces/onlineEndpoints'. The supported api-versions are '"
    )
    assert ", 2022-10-01, " in message
    assert ", 2023-04-01-preview, " in message


def test_endpoints_have_no_version_from_before_they_were_there() -> None:
    check("GET", WORKSPACE, "2020-06-01")
    assert refused("GET", f"{WORKSPACE}/onlineEndpoints", "2020-06-01")[1] == "NoRegisteredProviderFound"


@pytest.mark.parametrize("path", ["/subscriptions", GROUP, "/subscriptions/s/providers/Microsoft.Insights"])
def test_arms_own_resources_have_versions_of_their_own(path: str) -> None:
    status, code, message = refused("GET", path, "2023-04-01")
    assert (status, code) == (400, "InvalidApiVersionParameter")
    assert "'2023-04-01' is invalid" in message


def test_batch_metrics_list_their_own_versions() -> None:
    _, code, message = refused("POST", "/subscriptions/s/metrics:getBatch", "2022-10-01")
    assert code == "InvalidApiVersionParameter"
    assert all(version in message for version in BATCH_VERSIONS)


@pytest.mark.parametrize(
    ("path", "status", "code", "named"),
    [
        (f"{GROUP}/providers/Contoso.Widgets/widgets/w", 404, "InvalidResourceNamespace", "Contoso.Widgets"),
        (f"{WORKSPACE}/onlineEndpointz/e", 404, "InvalidResourceType", "workspaces/onlineEndpointz"),
        (f"{WORKSPACE}/providers/Microsoft.Insights/metricz", 404, "InvalidResourceType", "metricz"),
    ],
)
def test_what_azure_does_not_have_is_told_apart_from_what_is_not_emulated(
    path: str, status: int, code: str, named: str
) -> None:
    found = refused("GET", path, "2023-04-01")
    assert found[:2] == (status, code)
    assert named in found[2]


def test_every_version_that_the_sdk_sends_was_published() -> None:
    machine_learning = types_of("Microsoft.MachineLearningServices")
    for kind, version in {
        "workspaces": "2024-10-01-preview",
        "workspaces/datastores": "2024-10-01-preview",
        "workspaces/onlineEndpoints": "2022-02-01-preview",
        "workspaces/onlineEndpoints/deployments": "2023-04-01-preview",
        "workspaces/codes/versions": "2023-04-01",
        "workspaces/environments/versions": "2023-04-01-preview",
        "workspaces/models/versions": "2023-08-01-preview",
    }.items():
        assert version in machine_learning[kind]


def test_every_version_that_sluice_sends_was_published() -> None:
    known = {
        version
        for name in (
            "Microsoft.MachineLearningServices",
            "Microsoft.Insights",
            "Microsoft.Authorization",
            "Microsoft.OperationalInsights",
        )
        for versions in types_of(name).values()
        for version in versions
    }
    sent = {
        version
        for path in Path(ROOT, "services", "azure").glob("*.py")
        for version in re.findall(r'_?API(?:_VERSION)? = "(20[^"]+)"', path.read_text())
    }
    # Subscriptions belong to no provider that is listed here; Microsoft.Resources has this version for them.
    assert sent
    assert sent <= known | {"2022-12-01"}


def test_names_come_back_in_azures_spelling() -> None:
    assert provider_name("MICROSOFT.insights") == "Microsoft.Insights"
    assert provider_name("Contoso.Widgets") is None
    assert (
        find_type("Microsoft.MachineLearningServices", ["WORKSPACES", "onlineendpoints"])
        == "workspaces/onlineEndpoints"
    )
