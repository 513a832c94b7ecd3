"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.local_azure import LocalAzure

# The defaults of whoever runs the tests would send Sluice to their own workspace.
os.environ["AZURE_CONFIG_DIR"] = os.devnull


@pytest.fixture(scope="session", autouse=True)
def no_connection_is_left_open() -> Iterator[None]:
    """Closes the connections that the scoring service keeps for the life of a process."""
    yield
    transport = sys.modules.get("services.scoring.transport")
    if transport is not None:
        transport.forget_connections()


@pytest.fixture(scope="session")
def local_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """One local Azure for the whole run. Tests use endpoints of their own names, and leave no setting changed."""
    with LocalAzure(tmp_path_factory.mktemp("local-azure") / "state") as running:
        # The whole run is one subscription: it needs more cores than a new one has.
        running.control("POST", "settings", {"cores_quota": 1000}).raise_for_status()
        yield running
