"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_azure import LocalAzure


@pytest.fixture(scope="session")
def local_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """One local Azure for the whole run. Tests use endpoints of their own names, and leave no setting changed."""
    with LocalAzure(tmp_path_factory.mktemp("local-azure") / "state") as running:
        yield running
