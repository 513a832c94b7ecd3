"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from services.deploying import asking
from tests.local_azure import LocalAzure

# A check says what Azure does not answer in time. How fast the local Azure answers here says nothing about the code.
asking.LIMIT_SECONDS = asking.ALL_SECONDS = 120.0

# The defaults of whoever runs the tests would send Sluice to their own workspace.
os.environ["AZURE_CONFIG_DIR"] = os.devnull

# How long an example takes says more about the machine than about the code. `make test` tries the same examples every
# time: what it says depends on the code alone. `make test-long` draws new ones.
settings.register_profile(
    "sluice",
    deadline=None,
    derandomize=os.environ.get("SLUICE_TEST_COUNTS") != "full",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sluice")

LONGEST_FIRST = (
    "e2e/test_quick_start",
    "e2e/test_first_look",
    "samples/test_demo",
    "contract/test_jobs",
    "contract/test_autoscale",
    "contract/test_trial",
    "contract/test_preflight_prediction",
    "contract/test_quick_start",
    "contract/test_stored_pairs",
    "contract/test_operating",
    "contract/test_resource_yaml",
    "emulator/test_server",
    "emulator/test_mlflow",
    "emulator/test_gateway_mirror",
    "pages/test_metrics_trouble",
    "pages/test_ten_sessions",
    "pages/test_journal_page",
    "pages/test_quota_page",
    "pages/test_metrics_grain",
    "crash/test_killed_while_applying",
    "crash/test_killed_while_deploying",
    "samples/test_own_tests",
    "unit/test_replay_planted",
)
"""Files that take longest. Of files that run side by side, a long one that begins last is waited for alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first. The tests of a file stay together, in their order."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}

    def place(item: pytest.Item) -> int:
        return places.get("/".join(item.path.with_suffix("").parts[-2:]), len(places))

    items.sort(key=place)


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
