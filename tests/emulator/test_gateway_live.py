"""What the whole server tells its gateway: who may score, settings, faults. No model is needed to see it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict

import psutil
import pytest
import requests

from emulator.settings import Settings
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

NO_DEPLOYMENT = 404
"""What a caller gets who may score at an endpoint without deployments."""


@pytest.fixture
def azure(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """The shared local Azure, set back to its defaults."""
    before = local_azure.control("GET", "settings").json()
    yield local_azure
    local_azure.control("DELETE", "faults").raise_for_status()
    local_azure.control("POST", "settings", before).raise_for_status()


def score(azure: LocalAzure, endpoint: str, credential: str) -> requests.Response:
    address = azure.arm("GET", f"onlineEndpoints/{endpoint}").json()["properties"]["scoringUri"]
    headers = {"Authorization": f"Bearer {credential}"}
    return requests.post(address, json={}, headers=headers, verify=azure.bundle, timeout=60)


def test_a_token_of_an_endpoint_opens_that_endpoint_until_it_expires(azure: LocalAzure) -> None:
    for name in ("with-token", "with-token-too"):
        create_endpoint(azure, name, authMode="AMLToken")
    token = azure.arm("POST", "onlineEndpoints/with-token/token").json()["accessToken"]
    assert score(azure, "with-token", token).status_code == NO_DEPLOYMENT
    refused = score(azure, "with-token-too", token)
    assert (refused.status_code, refused.text) == (401, "aml_token_auth_access_denied")
    azure.control("POST", "settings", {"clock_shift_seconds": 4000}).raise_for_status()
    assert score(azure, "with-token", token).status_code == 401
    renewed = azure.arm("POST", "onlineEndpoints/with-token/token").json()["accessToken"]
    assert score(azure, "with-token", renewed).status_code == NO_DEPLOYMENT


def test_an_entra_token_opens_an_endpoint_to_those_who_may_score(azure: LocalAzure) -> None:
    create_endpoint(azure, "with-entra", authMode="AADToken")
    for resource in ("https://ml.azure.com", "https://ml.azure.com/"):
        assert score(azure, "with-entra", azure.token(resource=resource)).status_code == NO_DEPLOYMENT
    assert score(azure, "with-entra", azure.token("reader", "https://ml.azure.com")).status_code == 403
    assert score(azure, "with-entra", azure.token()).status_code == 401


def test_changed_limits_and_faults_reach_the_gateway(azure: LocalAzure) -> None:
    create_endpoint(azure, "limited")
    key = azure.arm("POST", "onlineEndpoints/limited/listKeys").json()["primaryKey"]
    assert {score(azure, "limited", key).status_code for _ in range(5)} == {NO_DEPLOYMENT}
    azure.control("POST", "settings", {"requests_per_second": 1}).raise_for_status()
    address = azure.arm("GET", "onlineEndpoints/limited").json()["properties"]["scoringUri"]
    headers, deadline = {"Authorization": f"Bearer {key}"}, time.monotonic() + 60
    while requests.post(address, json={}, headers=headers, verify=azure.bundle, timeout=60).status_code != 429:
        assert time.monotonic() < deadline
    azure.control("POST", "settings", asdict(Settings())).raise_for_status()
    azure.control("POST", "faults", {"path": "/endpoints/limited/*", "status": 503, "times": 2}).raise_for_status()
    assert [score(azure, "limited", key).status_code for _ in range(3)] == [503, 503, NO_DEPLOYMENT]


def test_secrets_are_not_in_the_gateways_arguments(azure: LocalAzure) -> None:
    values = json.loads((azure.state / "secrets.json").read_text()).values()
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    ours = [command for command in commands if str(azure.state) in command]
    assert ours
    assert not [command for command in ours if any(value in command for value in values)]
