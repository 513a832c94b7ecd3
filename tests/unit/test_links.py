"""Addresses in Azure's own web pages."""

from __future__ import annotations

from services.azure.cloud import Cloud
from services.azure.links import portal, studio
from tests.values import WORKSPACE, endpoint


def cloud(name: str) -> Cloud:
    return Cloud(name, "https://x", "login", "metrics")


def test_the_public_cloud() -> None:
    found = endpoint(name="digits")
    assert studio(cloud("AzureCloud"), found, "t-1") == (
        f"https://ml.azure.com/endpoints/realtime/digits/detail?wsid={WORKSPACE}&tid=t-1"
    )
    assert portal(cloud("AzureCloud"), found, "t-1") == f"https://portal.azure.com/#@t-1/resource{found.id}"
    assert portal(cloud("AzureCloud"), found) == f"https://portal.azure.com/#resource{found.id}"


def test_sovereign_clouds_have_pages_of_their_own() -> None:
    found = endpoint(name="digits")
    assert str(studio(cloud("AzureUSGovernment"), found)).startswith("https://ml.azure.us/endpoints/")
    assert str(portal(cloud("AzureUSGovernment"), found)).startswith("https://portal.azure.us/#resource/")
    assert str(studio(cloud("AzureChinaCloud"), found)).startswith("https://studio.ml.azure.cn/endpoints/")
    assert str(portal(cloud("AzureChinaCloud"), found)).startswith("https://portal.azure.cn/#resource/")


def test_a_cloud_that_nobody_knows_has_no_pages() -> None:
    assert studio(cloud("AzureLocal"), endpoint()) is None
    assert portal(cloud("AzureLocal"), endpoint()) is None


def test_names_are_escaped() -> None:
    odd = endpoint(name="a b&c#d?")
    assert "/realtime/a%20b%26c%23d%3F/detail" in str(studio(cloud("AzureCloud"), odd))
    assert str(portal(cloud("AzureCloud"), odd)).endswith("/onlineEndpoints/a%20b%26c%23d%3F")
