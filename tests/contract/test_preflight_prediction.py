"""The predicted share of 429 beside the measured one, on deployments that really score."""

from __future__ import annotations

import os

import pytest

from services.azure.connection import Connection
from tests.contract.queue_grid import ROUND_SECONDS, TOLERANCE, Cell, full_grid, measure
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

SMALL = (Cell(1, 1, 2, 1.0, 0.06), Cell(2, 2, 1, 1.4, 0.06), Cell(2, 4, 1, 1.8, 0.06))


def test_a_deployment_refuses_as_much_as_predicted(conn: Connection, local_azure: LocalAzure) -> None:
    for one in measure(local_azure, conn, SMALL, seconds=5.0):
        assert one.refused == pytest.approx(one.predicted, abs=TOLERANCE), one
        assert one.timed_out == 0
        assert one.refused > 0.05


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(os.environ.get("SLUICE_TEST_COUNTS") != "full", reason="a quarter of an hour; full counts only")
@pytest.mark.parametrize("cells", full_grid(), ids=range(len(full_grid())))
def test_it_does_so_over_the_whole_grid(conn: Connection, local_azure: LocalAzure, cells: tuple[Cell, ...]) -> None:
    for one in measure(local_azure, conn, cells, ROUND_SECONDS):
        assert one.refused == pytest.approx(one.predicted, abs=TOLERANCE), one
