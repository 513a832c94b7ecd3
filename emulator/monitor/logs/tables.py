"""The tables that Log Analytics holds of online endpoints, and how they come out of what is kept.

Columns and types are those of the table reference (AmlOnlineEndpointTrafficLog of 2026-03, ConsoleLog, EventLog). What
all rows of a resource share is kept once, in the table `resources`.
"""

from __future__ import annotations

from dataclasses import dataclass

TRAFFIC = "AmlOnlineEndpointTrafficLog"
CONSOLE = "AmlOnlineEndpointConsoleLog"
EVENTS = "AmlOnlineEndpointEventLog"

STORE = "kept"
"""The database that holds the rows. Queries see its tables through views alone."""

SOURCE_SYSTEM = "Azure"


@dataclass(frozen=True)
class Table:
    """A table: the columns kept for each row, by name and DuckDB type, and what each column shown is made of.

    Every table keeps besides `id` (the number in its source), `moment` (TimeGenerated), `resource` and `shadow`
    (whether it is there because of mirrored requests).
    """

    name: str
    kept: tuple[tuple[str, str], ...]
    shown: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> list[str]:
        """The columns of the table, in order."""
        return [name for name, _ in self.shown]


_KEPT = (("id", "BIGINT"), ("moment", "DOUBLE"), ("resource", "INTEGER"), ("shadow", "BOOLEAN"))
_FIRST = (("TenantId", "r.tenant"), ("TimeGenerated", "k.moment"))


def _table(name: str, kept: dict[str, str], shown: dict[str, str]) -> Table:
    texts = [column for column, kind in kept.items() if kind == "VARCHAR"]
    # Azure bills the size of a row; what is counted is not public.
    size = " + ".join(["200.0", *(f"length(k.{column})" for column in texts)])
    last = {
        "SourceSystem": f"'{SOURCE_SYSTEM}'",
        "Type": f"'{name}'",
        "_ResourceId": "r.resource_id",
        "_SubscriptionId": "r.subscription",
        "_BilledSize": f"CAST({size} AS DOUBLE)",
        "_IsBillable": "'True'",
    }
    return Table(name, (*_KEPT, *kept.items()), (*_FIRST, *shown.items(), *last.items()))


_TRAFFIC = _table(
    TRAFFIC,
    {
        **dict.fromkeys(
            (
                *("deployment", "method", "path", "protocol", "user_agent", "auth", "identity", "reason"),
                *("model_reason", "request_id", "client_request_id"),
            ),
            "VARCHAR",
        ),
        **dict.fromkeys(
            (
                *("status", "model_status", "total_ms", "request_ms", "response_ms", "request_delay_ms"),
                *("response_delay_ms", "request_bytes", "response_bytes"),
            ),
            "INTEGER",
        ),
    },
    {
        "OperationName": "'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action'",
        "Location": "r.location",
        "AzureMLWorkspaceId": "r.workspace_guid",
        "AzureMLWorkspaceName": "r.workspace",
        "EndpointName": "r.endpoint",
        "DeploymentName": "k.deployment",
        "Method": "k.method",
        "Path": "k.path",
        "Protocol": "k.protocol",
        "AuthType": "k.auth",
        "IdentityData": "k.identity",
        "UserAgent": "k.user_agent",
        "ResponseCode": "k.status",
        "ResponseCodeReason": "k.reason",
        "ModelStatusCode": "k.model_status",
        "ModelStatusReason": "k.model_reason",
        "RequestPayloadSize": "k.request_bytes",
        "ResponsePayloadSize": "k.response_bytes",
        "TotalDurationMs": "k.total_ms",
        "RequestDurationMs": "k.request_ms",
        "ResponseDurationMs": "k.response_ms",
        "RequestThrottlingDelayMs": "k.request_delay_ms",
        "ResponseThrottlingDelayMs": "k.response_delay_ms",
        "XRequestId": "k.request_id",
        "XMSClientRequestId": "k.client_request_id",
    },
)

_CONSOLE = _table(
    CONSOLE,
    dict.fromkeys(("deployment", "instance", "container", "image", "message"), "VARCHAR"),
    {
        "OperationName": "'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/consoleLog'",
        "InstanceId": "k.instance",
        "DeploymentName": "k.deployment",
        "ContainerName": "k.container",
        "ContainerImageName": "k.image",
        "Message": "k.message",
    },
)

_EVENTS = _table(
    EVENTS,
    dict.fromkeys(("deployment", "instance", "name", "message"), "VARCHAR"),
    {
        "OperationName": "'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/eventLog'",
        "InstanceId": "k.instance",
        "DeploymentName": "k.deployment",
        "Name": "k.name",
        "Message": "k.message",
    },
)

TABLES = {table.name: table for table in (_TRAFFIC, _CONSOLE, _EVENTS)}
"""The tables by name."""

RESOURCES = (
    ("resource", "INTEGER"),
    *((name, "VARCHAR") for name in ("resource_id", "tenant", "subscription", "workspace_guid")),
    *((name, "VARCHAR") for name in ("workspace", "location", "endpoint")),
)
"""The columns of the table of resources."""


def creation() -> list[str]:
    """The statements that make the tables."""
    every = {"resources": RESOURCES, **{name: table.kept for name, table in TABLES.items()}}
    return [
        f"CREATE TABLE {STORE}.{name} ({', '.join(f'{column} {_stored(column, kind)}' for column, kind in columns)})"
        for name, columns in every.items()
    ]


def _stored(column: str, kind: str) -> str:
    return "TIMESTAMP" if column == "moment" else kind


def view(table: Table, condition: str) -> str:
    """The statement that lets one connection see the rows of a table that meet a condition on `k`, the kept row."""
    shown = ", ".join(f'{expression} AS "{name}"' for name, expression in table.shown)
    return (
        f'CREATE OR REPLACE TEMP VIEW "{table.name}" AS SELECT {shown} '  # noqa: S608 - the texts are ours
        f"FROM {STORE}.{table.name} k JOIN {STORE}.resources r USING (resource) WHERE {condition}"
    )
