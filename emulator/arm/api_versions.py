"""Which resource types there are, and in which api-versions each was published.

Sources: the version lists of the public template reference and of the Pulumi provider that is generated from Azure's
specifications, the versions that azure-ai-ml 1.35, azure-mgmt-machinelearningservices and azure-mgmt-monitor send, and
for Microsoft.Resources the error texts in which Azure lists its own. Types compare without case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emulator.resources import MACHINE_LEARNING

RESOURCES = "Microsoft.Resources"
INSIGHTS = "Microsoft.Insights"
AUTHORIZATION = "Microsoft.Authorization"
OPERATIONAL_INSIGHTS = "Microsoft.OperationalInsights"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_MACHINE_LEARNING_VERSIONS = _words(
    """
    2018-11-19 2019-05-01 2019-06-01 2019-11-01 2020-01-01 2020-02-18-preview 2020-03-01 2020-04-01 2020-05-01-preview
    2020-05-15-preview 2020-06-01 2020-08-01 2020-09-01-preview 2021-01-01 2021-03-01-preview 2021-04-01 2021-07-01
    2022-01-01-preview 2022-02-01-preview 2022-05-01 2022-06-01-preview 2022-10-01 2022-10-01-preview
    2022-12-01-preview 2023-02-01-preview 2023-04-01 2023-04-01-preview 2023-06-01-preview 2023-08-01-preview 2023-10-01
    2024-01-01-preview 2024-04-01 2024-04-01-preview 2024-07-01-preview 2024-10-01 2024-10-01-preview
    2025-01-01-preview 2025-04-01 2025-04-01-preview 2025-06-01 2025-07-01-preview 2025-09-01 2025-10-01-preview
    2025-12-01 2026-05-01-preview 2026-07-01
    """
)
# Endpoints and assets came with this one.
_WITH_ENDPOINTS = tuple(version for version in _MACHINE_LEARNING_VERSIONS if version >= "2021-03-01-preview")
ANY_VERSION: tuple[str, ...] = ()
"""The versions of a resource type that is there on Azure and not emulated: none is listed, none is refused."""

RESOURCES_VERSIONS = _words(
    """
    2014-01-01 2014-04-01 2014-04-01-preview 2015-01-01 2015-11-01 2016-02-01 2016-06-01 2016-07-01 2016-09-01
    2017-03-01 2017-05-01 2017-05-10 2017-06-01 2017-08-01 2017-12-01 2018-01-01 2018-02-01 2018-05-01 2018-06-01
    2018-07-01 2018-08-01 2018-09-01 2018-11-01 2019-03-01 2019-05-01 2019-05-10 2019-06-01 2019-07-01 2019-08-01
    2019-09-01 2019-10-01 2019-11-01 2020-01-01 2020-05-01 2020-06-01 2020-07-01 2020-08-01 2020-09-01 2020-10-01
    2021-01-01 2021-04-01 2022-01-01 2022-03-01-preview 2022-05-01 2022-06-01 2022-09-01 2022-11-01-preview 2022-12-01
    2023-03-01-preview 2023-07-01 2023-07-01-preview 2024-03-01 2024-06-01-preview 2024-07-01 2024-08-01 2024-11-01
    2025-03-01 2025-04-01
    """
)

_TYPES: Mapping[str, Mapping[str, Sequence[str]]] = {
    MACHINE_LEARNING: {
        **dict.fromkeys(
            _words(
                """
                operations workspaces workspaces/computes workspaces/connections workspaces/features
                workspaces/outboundNetworkDependenciesEndpoints workspaces/privateEndpointConnections
                workspaces/privateLinkResources locations locations/mfeOperationResults locations/mfeOperationsStatus
                locations/quotas locations/updateQuotas locations/usages locations/vmSizes
                locations/workspaceOperationsStatus
                """
            ),
            _MACHINE_LEARNING_VERSIONS,
        ),
        **dict.fromkeys(
            (
                *_words(
                    """
                    capacityReservationGroups registries virtualclusters workspaces/batchEndpoints
                    workspaces/batchEndpoints/deployments workspaces/capabilityHosts workspaces/connections/deployments
                    workspaces/connections/raiPolicies workspaces/datastores workspaces/endpoints
                    workspaces/endpoints/deployments workspaces/endpoints/raiPolicies workspaces/environments/labels
                    workspaces/featuresets workspaces/featuresets/versions workspaces/featurestoreEntities
                    workspaces/featurestoreEntities/versions workspaces/inferencePools workspaces/jobs
                    workspaces/linkedServices workspaces/managedNetworks workspaces/managedNetworks/outboundRules
                    workspaces/marketplaceSubscriptions workspaces/models/labels workspaces/onlineEndpoints
                    workspaces/onlineEndpoints/deployments workspaces/onlineEndpoints/deployments/skus
                    workspaces/outboundRules workspaces/schedules workspaces/serverlessEndpoints
                    """
                ),
                *(
                    f"{parent}/{kind}{version}"
                    for parent in ("workspaces", "registries")
                    for kind in ("codes", "components", "data", "environments", "models")
                    for version in ("", "/versions")
                ),
            ),
            _WITH_ENDPOINTS,
        ),
    },
    INSIGHTS: {
        "autoscaleSettings": _words("2014-04-01 2015-04-01 2021-05-01-preview 2022-10-01"),
        "diagnosticSettings": _words("2016-09-01 2017-05-01-preview 2021-05-01-preview"),
        "diagnosticSettingsCategories": _words("2017-05-01-preview 2021-05-01-preview"),
        "eventCategories": _words("2014-04-01 2015-04-01"),
        "eventTypes": _words("2014-04-01 2015-04-01 2017-03-01-preview"),
        "eventTypes/values": _words("2014-04-01 2015-04-01 2017-03-01-preview"),
        "metricDefinitions": _words(
            "2014-04-01 2015-07-01 2016-03-01 2017-05-01-preview 2017-09-01-preview 2017-12-01-preview 2018-01-01"
            " 2018-02-01-preview 2019-07-01 2021-05-01 2023-10-01 2024-02-01"
        ),
        "metricNamespaces": _words("2017-12-01-preview 2018-01-01 2019-07-01 2021-05-01 2023-10-01 2024-02-01"),
        "metrics": _words(
            "2014-04-01 2016-03-01 2016-06-01 2016-09-01 2017-05-01-preview 2017-09-01-preview 2017-12-01-preview"
            " 2018-01-01 2018-09-01-preview 2019-01-01 2019-07-01 2021-05-01 2023-10-01 2024-02-01"
        ),
        # Parts of Monitor that are not emulated.
        **dict.fromkeys(
            _words(
                """
                actionGroups activityLogAlerts alertrules components dataCollectionEndpoints dataCollectionRules
                dataCollectionRuleAssociations logprofiles logs metricAlerts metricbaselines operations
                scheduledQueryRules tenantActionGroups vmInsightsOnboardingStatuses webtests workbooks
                """
            ),
            ANY_VERSION,
        ),
    },
    AUTHORIZATION: {
        "permissions": _words(
            "2014-10-01-preview 2015-06-01 2015-07-01 2018-01-01-preview 2018-07-01 2022-04-01 2022-05-01-preview"
        ),
        **dict.fromkeys(
            _words(
                """
                denyAssignments locks operations policyAssignments policyDefinitions policyExemptions
                policySetDefinitions providerOperations roleAssignments roleAssignmentSchedules
                roleDefinitions roleEligibilitySchedules
                """
            ),
            ANY_VERSION,
        ),
    },
    OPERATIONAL_INSIGHTS: {
        "workspaces": _words(
            "2015-03-20 2015-11-01-preview 2017-01-01-preview 2017-03-03-preview 2017-03-15-preview 2017-04-26-preview"
            " 2020-03-01-preview 2020-08-01 2020-10-01 2021-06-01 2021-12-01-preview 2022-10-01 2023-09-01 2025-02-01"
            " 2025-07-01"
        ),
        **dict.fromkeys(
            _words(
                "clusters locations operations queryPacks workspaces/tables workspaces/query workspaces/savedSearches"
            ),
            ANY_VERSION,
        ),
    },
}

BATCH_VERSIONS = ("2023-05-01-preview", "2023-10-01", "2024-02-01")
"""Versions of the metrics batch service, which has a host of its own on Azure."""

# Namespaces of Azure's that people's scripts name. They exist and are not emulated.
_OTHERS = frozenset(
    f"microsoft.{name}"
    for name in _words(
        """
        advisor alertsmanagement apimanagement app appconfiguration automation batch billing cache capacity cdn
        cognitiveservices compute consumption containerinstance containerregistry containerservice costmanagement
        databricks datafactory documentdb eventgrid eventhub features keyvault kubernetes logic maintenance
        managedidentity management marketplace monitor network operationsmanagement policyinsights portal quota
        recoveryservices resourcegraph resourcehealth resources search security servicebus sql storage support
        synapse web
        """
    )
)


def provider_name(namespace: str) -> str | None:
    """A namespace of this table in Azure's own spelling, None when the table does not have it."""
    return next((name for name in _TYPES if name.lower() == namespace.lower()), None)


def provider_names() -> tuple[str, ...]:
    """The namespaces of this table."""
    return tuple(_TYPES)


def is_azures(namespace: str) -> bool:
    """Whether Azure has this namespace at all."""
    return provider_name(namespace) is not None or namespace.lower() in _OTHERS


def types_of(namespace: str) -> Mapping[str, Sequence[str]]:
    """The resource types of a namespace of this table, and the versions of each, oldest first."""
    return _TYPES[namespace]


def find_type(namespace: str, types: Sequence[str]) -> str | None:
    """A resource type in Azure's own spelling, None when the namespace does not have it."""
    wanted = "/".join(types).lower()
    return next((name for name in _TYPES[namespace] if name.lower() == wanted), None)
