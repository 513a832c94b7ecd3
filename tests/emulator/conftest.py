"""What tests of the local Azure share: a deployed endpoint on the shared server, and scoring planes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.deployable import create_endpoint, upload_and_put
from tests.emulator.scoring_rig import Rig, scoring_plane
from tests.local_azure import LocalAzure


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """Fleet and gateway without a control plane; built environments are shared by the whole run."""
    environments = tmp_path_factory.getbasetemp() / "environments"
    environments.mkdir(exist_ok=True)
    async with scoring_plane(tmp_path / "state", environments) as started:
        yield started


@pytest.fixture(scope="session")
def shop(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    """The shared local Azure with an endpoint named shop, whose deployments blue (×2) and green (×3) run."""
    create_endpoint(local_azure, "shop")
    for name, factor in (("blue", 2), ("green", 3)):
        status = local_azure.finish(upload_and_put(local_azure, "shop", name, factor))
        assert status["status"] == "Succeeded", status
    yield local_azure
    local_azure.finish(local_azure.arm("DELETE", "onlineEndpoints/shop"))
