"""The resources of each instance, read by themselves or as the mean of a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from emulator.scoring.telemetry.gauges import Gauges, Measurement
from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.metrics import RESOURCES, PanelData, group_metrics, window_for
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

NAME, MINUTES, INSTANCES = "measured-by-instance", 5, 12
CPU, DISK = "CpuUtilizationPercentage", "DiskUtilization"


@pytest.fixture(scope="module")
def past(local_azure: LocalAzure) -> Iterator[datetime]:
    """The end of five minutes in which the first instance was busy for 0 %, the next for 1 %, and so on."""
    seed = {"endpoints": [{"name": NAME, "deployments": ["blue", "green"]}]}
    local_azure.control("POST", "seed", seed).raise_for_status()
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
    measured = [
        Measurement((end - timedelta(minutes=minute)).timestamp(), NAME, name, metric, {"instanceId": who} | more, busy)
        for minute in range(1, MINUTES + 1)
        for name in ("blue", "green")
        for who, busy in ((f"{number:032x}", float(number)) for number in range(INSTANCES))
        for metric, more in ((CPU, {}), (DISK, {"disk": "root"}))
    ]
    with closing(Gauges(local_azure.state / "telemetry.db")) as gauges:
        gauges.append(measured)
    yield end
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{NAME}"))


def read(conn: Connection, past: datetime, *, each_instance: bool) -> dict[str, PanelData]:
    deployments, window = list_deployments(conn, NAME), window_for(MINUTES, past)
    endpoint = get_endpoint(conn, NAME)
    group = group_metrics(conn, endpoint, deployments, RESOURCES, window, past, each_instance=each_instance)
    return {each.panel.metric: each for each in group.panels}


def test_every_instance_of_every_deployment_has_its_own_values(conn: Connection, past: datetime) -> None:
    found = read(conn, past, each_instance=True)

    rows = found[CPU].rows
    assert len(rows) == 2 * INSTANCES * MINUTES
    means = rows.groupby(["deployment", "instance"])["value"].agg(["min", "max"])
    assert [(who, least, most) for (name, who), least, most in means.itertuples() if name == "green"] == [
        (f"{number:032x}", number, number) for number in range(INSTANCES)
    ]
    assert found[CPU].notes == ()
    assert set(found[DISK].rows["part"]) == {"root"}
    assert found[DISK].rows["instance"].nunique() == INSTANCES


def test_without_asking_for_them_there_is_the_mean_of_the_instances(conn: Connection, past: datetime) -> None:
    rows = read(conn, past, each_instance=False)[CPU].rows

    assert set(rows["instance"]) == {""}
    assert rows["value"].tolist() == [pytest.approx((INSTANCES - 1) / 2)] * (2 * MINUTES)
