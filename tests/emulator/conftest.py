"""A local Azure of their own for the tests that change settings or stop servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deployable import create_endpoint, upload_and_put
from tests.local_azure import LocalAzure


@pytest.fixture(scope="session")
def shop(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """The shared local Azure with an endpoint named shop, whose deployments blue (×2) and green (×3) run."""
    create_endpoint(local_azure, "shop")
    for name, factor in (("blue", 2), ("green", 3)):
        status = local_azure.finish(upload_and_put(local_azure, "shop", name, factor))
        assert status["status"] == "Succeeded", status
    yield local_azure
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/shop"))
