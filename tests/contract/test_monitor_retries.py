"""What Microsoft's clients make of a monitor that has had enough: 429 with and without Retry-After."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.monitor_clients import logs_client, metrics_client, monitor_client, seed
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
PATHS = {
    "metrics": "/subscriptions/*/providers/Microsoft.Insights/metrics",
    "batch": "/subscriptions/*/metrics:getBatch",
    "logs": "/v1/*",
}
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def calls(local_azure: LocalAzure) -> Iterator[dict[str, Call]]:
    """One call of each client, which takes the client's own options for retries."""
    seed(local_azure, endpoints=[{"name": "throttled"}])
    endpoint = f"{local_azure.workspace}/onlineEndpoints/throttled"
    workspace = local_azure.environment["SLUICE_LOG_WORKSPACE_ID"]
    with ExitStack() as stack:
        arm, batch = (stack.enter_context(make(local_azure)) for make in (monitor_client, metrics_client))
        logs = stack.enter_context(logs_client(local_azure))
        yield {
            "metrics": lambda **options: arm.metrics.list(endpoint, metricnames="RequestLatency", **options),
            "batch": lambda **options: batch.query_resources(
                resource_ids=[endpoint],
                metric_namespace=ENDPOINTS,
                metric_names=["RequestLatency"],
                timespan=timedelta(hours=1),
                **options,
            ),
            "logs": lambda **options: logs.query_workspace(workspace, "print 1", timespan=None, **options),
        }


@pytest.fixture
def throttle(local_azure: LocalAzure) -> Iterator[Callable[..., None]]:
    """Lets requests to a surface be refused as too many."""

    def ask(surface: str, times: int, retry_after: int | None) -> None:
        local_azure.control("DELETE", "faults").raise_for_status()
        fault = {"path": PATHS[surface], "status": 429, "times": times, "retry_after": retry_after}
        local_azure.control("POST", "faults", fault).raise_for_status()

    yield ask
    local_azure.control("DELETE", "faults").raise_for_status()


def hits(azure: LocalAzure) -> int:
    """How often the only fault was met."""
    [fault] = azure.control("GET", "faults").json()["value"]
    return int(fault["hits"])


@pytest.mark.parametrize("surface", PATHS)
def test_with_retry_after_every_client_comes_back(
    local_azure: LocalAzure, calls: dict[str, Call], throttle: Callable[..., None], surface: str
) -> None:
    throttle(surface, 2, retry_after=0)
    assert calls[surface](retry_total=3, retry_backoff_factor=0.01)
    assert hits(local_azure) == 2


@pytest.mark.parametrize("surface", ["batch", "logs"])
def test_without_retry_after_a_post_fails_at_once(
    local_azure: LocalAzure, calls: dict[str, Call], throttle: Callable[..., None], surface: str
) -> None:
    throttle(surface, 2, retry_after=None)
    with pytest.raises(HttpResponseError, match="The local Azure was asked to answer 429") as caught:
        calls[surface](retry_total=3)
    assert caught.value.status_code == 429
    assert hits(local_azure) == 1


def test_without_retry_after_a_get_is_tried_again(
    local_azure: LocalAzure, calls: dict[str, Call], throttle: Callable[..., None]
) -> None:
    throttle("metrics", 2, retry_after=None)
    assert calls["metrics"](retry_total=3, retry_backoff_factor=0.01).value
    assert hits(local_azure) == 2


@pytest.mark.parametrize("surface", PATHS)
def test_a_client_that_does_not_retry_is_told_the_code(
    calls: dict[str, Call], throttle: Callable[..., None], surface: str
) -> None:
    throttle(surface, 1, retry_after=7)
    with pytest.raises(HttpResponseError) as caught:
        calls[surface](retry_total=0)
    assert (caught.value.status_code, caught.value.error.code) == (429, "TooManyRequests")
    assert caught.value.response.headers["Retry-After"] == "7"
