"""The clients that environment variables alone do not redirect, with the arguments they offer for other clouds."""

import os
from datetime import timedelta

from azure.identity import DefaultAzureCredential
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
from azure.mgmt.monitor import MonitorManagementClient
from azure.monitor.query import LogsQueryClient
from azure.monitor.querymetrics import MetricsClient

subscription, group = os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"]
workspace, url = os.environ["AZUREML_WORKSPACE_NAME"], os.environ["SLUICE_METRICS_ENDPOINT"]
credential = DefaultAzureCredential()

management = MachineLearningServicesMgmtClient(
    credential, subscription, base_url=url, credential_scopes=[f"{url}/.default"]
)
endpoints = list(management.online_endpoints.list(group, workspace))
print("endpoints:", [endpoint.name for endpoint in endpoints])
if not endpoints:
    raise SystemExit("Make an endpoint first.")

monitor = MonitorManagementClient(credential, subscription, base_url=url, credential_scopes=[f"{url}/.default"])
names = [definition.name.value for definition in monitor.metric_definitions.list(endpoints[0].id)]
print("metrics of an endpoint:", len(names))

metrics = MetricsClient(url, credential)
(answer,) = metrics.query_resources(
    resource_ids=[endpoints[0].id],
    metric_namespace="Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
    metric_names=["RequestsPerMinute"],
    timespan=timedelta(hours=1),
)
print("asked for:", answer.metrics[0].name)

logs = LogsQueryClient(credential, endpoint=f"{os.environ['SLUICE_LOGS_ENDPOINT']}/v1")
table = logs.query_workspace(
    os.environ["SLUICE_LOG_WORKSPACE_ID"], "AmlOnlineEndpointTrafficLog | count", timespan=timedelta(hours=1)
)
print("rows in the traffic log:", table.tables[0].rows[0][0])
