"""The query of the alert rule for server errors, asked of the Log Analytics of a local Azure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.alert_rules import FEWEST_REQUESTS, log_rule
from services.azure.connection import Connection
from services.azure.endpoints import get_endpoint, list_deployments
from services.azure.log_analytics import ask
from services.limits import SERVER_ERROR_PERCENT, limit
from services.statuses import DEFAULT_SETS
from tests.contract.history import row
from tests.contract.monitor_clients import TABLES, past, seed, switch_logs_on
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator
NAME = "alerted-by-log"
STATUSES = {"blue": (200,) * 15 + (424, 503, 400, 404, 200), "green": (500,) * (FEWEST_REQUESTS - 1)}


def test_the_query_answers_the_share_of_server_errors_of_each_busy_deployment(
    conn: Connection, local_azure: LocalAzure
) -> None:
    seed(local_azure, endpoints=[{"name": NAME, "deployments": ["blue", "green"], "traffic": {"blue": 100}}])
    endpoint = get_endpoint(conn, NAME)
    switch_logs_on(local_azure, endpoint.id, TABLES[0], ago=3600)
    at = past(5)
    rows = [
        {**row(at + timedelta(seconds=number), NAME, name, status, 10.0), "request_id": f"{name}-{number}"}
        for name, statuses in STATUSES.items()
        for number, status in enumerate(statuses)
    ]
    seed(local_azure, rows=rows)
    rule = log_rule(endpoint, list_deployments(conn, NAME), [limit(SERVER_ERROR_PERCENT, 1)], DEFAULT_SETS)
    assert rule is not None

    found = ask(conn, "The query failed.", endpoint.id, rule.query, (at, datetime.now(UTC)))

    assert found.records() == [{"DeploymentName": "blue", "Percent": 10.0}]
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{NAME}"))
