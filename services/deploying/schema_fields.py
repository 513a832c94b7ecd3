"""The fields of the CLI v2 schema for managed online endpoints and deployments, as azure-ai-ml 1.35 has them.

A contract test compares them with azure-ai-ml's own schemas. Limits of values: Microsoft's
"CLI (v2) managed online deployment YAML schema", "CLI (v2) online endpoint YAML schema", "Manage and increase quotas".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from services.deploying.model import Kind


class Sort(Enum):
    """What a field takes; the words are for a person."""

    TEXT = "a text"
    VERSION = "a text or a number"
    WHOLE = "a whole number"
    NUMBER = "a number"
    SWITCH = "true or false"
    CHOICE = "one of a few words"
    WORDS = "fields of your own with texts"
    SHARES = "deployments with whole percentages"
    FREE = "any fields"
    GROUP = "fields"
    EACH = "fields of the same kind under names of your own"
    LIST = "a list"


class Short(Enum):
    """What may stand in place of a group."""

    NOTHING = ""
    TEXT = "a text"
    ASSET = "a registered asset such as azureml:name:version"


@dataclass(frozen=True)
class Field:
    """What one field takes.

    ``azures``: only Azure sets it, and it is not sent; ``is_read``: it is read all the same, so it has to be right.
    ``camel``: a choice may be written as in ARM documents, SystemAssigned. ``warn_above``: a limit that can be raised.
    ``old``: why it should not be used any more. ``item``: what a list or a group of named groups holds.
    """

    sort: Sort
    required: bool = False
    choices: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    warn_above: float | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    item: Field | None = None
    short: Short = Short.NOTHING
    azures: bool = False
    is_read: bool = False
    camel: bool = False
    old: str = ""


_TEXT = Field(Sort.TEXT)
_WORDS = Field(Sort.WORDS)
_VERSION = Field(Sort.VERSION)
_SCHEMA = Field(Sort.TEXT, azures=True)
_NEVER_SENT = Field(Sort.TEXT, azures=True)
_READ = Field(Sort.TEXT, azures=True, is_read=True)
_CREATION = Field(Sort.FREE, azures=True)
_AT_LEAST_ONE = Field(Sort.WHOLE, lowest=1)


def _choice(*choices: str, required: bool = False, camel: bool = False) -> Field:
    return Field(Sort.CHOICE, required, choices, camel=camel)


def _group(fields: Mapping[str, Field], *, short: Short = Short.NOTHING, required: bool = False) -> Field:
    return Field(Sort.GROUP, required, fields=fields, short=short)


_TEMPLATE = _group({"asset_id": _TEXT})
_MODEL = {
    "$schema": _SCHEMA,
    "name": _TEXT,
    "id": _NEVER_SENT,
    "type": _choice("custom_model", "mlflow_model", "triton_model"),
    "path": _TEXT,
    "version": _VERSION,
    "description": _TEXT,
    "properties": _WORDS,
    "tags": _WORDS,
    "stage": _TEXT,
    "utc_time_created": _NEVER_SENT,
    "flavors": Field(Sort.FREE),
    "creation_context": _CREATION,
    "job_name": _NEVER_SENT,
    "latest_version": _NEVER_SENT,
    "datastore": _TEXT,
    "intellectual_property": _CREATION,
    "system_metadata": Field(Sort.FREE),
    "default_deployment_template": _TEMPLATE,
    "allowed_deployment_templates": Field(Sort.LIST, item=_TEMPLATE),
}
_ROUTE = _group(
    {"port": Field(Sort.WHOLE, True, lowest=1, highest=65535), "path": Field(Sort.TEXT, True)}, required=True
)
_ENVIRONMENT = {
    "$schema": _SCHEMA,
    "name": _TEXT,
    "id": _NEVER_SENT,
    "description": _TEXT,
    "tags": _WORDS,
    "version": _VERSION,
    "creation_context": _CREATION,
    "latest_version": _NEVER_SENT,
    "auto_delete_setting": Field(Sort.FREE),
    "build": _group({"dockerfile_path": _TEXT, "path": _TEXT}),
    "image": _TEXT,
    "conda_file": Field(Sort.FREE, short=Short.TEXT),
    "inference_config": _group({"liveness_route": _ROUTE, "scoring_route": _ROUTE, "readiness_route": _ROUTE}),
    "os_type": _choice("linux", "windows"),
    "datastore": _TEXT,
    "intellectual_property": _CREATION,
}
_PROBE = _group(
    {
        "period": _AT_LEAST_ONE,
        "initial_delay": _AT_LEAST_ONE,
        "timeout": _AT_LEAST_ONE,
        "success_threshold": _AT_LEAST_ONE,
        "failure_threshold": _AT_LEAST_ONE,
    }
)
_COLLECTION = _group(
    {
        "enabled": _choice("true", "false", required=True),
        "data": _group({"name": _TEXT, "path": _TEXT, "version": _TEXT, "data_id": _TEXT}, short=Short.TEXT),
        "client_id": _TEXT,
    }
)
_COLLECTOR = _group(
    {
        "collections": Field(Sort.EACH, True, item=_COLLECTION),
        "rolling_rate": _choice("minute", "day", "hour"),
        "sampling_rate": Field(Sort.NUMBER, lowest=0, highest=1),
        "request_logging": _group({"capture_headers": Field(Sort.LIST, item=_TEXT)}),
    }
)
_SCALE = _group(
    {
        "type": _choice("default", "target_utilization", required=True, camel=True),
        "polling_interval": Field(Sort.WHOLE),
        "target_utilization_percentage": Field(Sort.WHOLE),
        "min_instances": Field(Sort.WHOLE),
        "max_instances": Field(Sort.WHOLE),
    }
)
_IDENTITY = _group(
    {
        "type": _choice("system_assigned", "user_assigned", "none", required=True, camel=True),
        "principal_id": _READ,
        "tenant_id": _READ,
        "user_assigned_identities": Field(Sort.LIST, item=_WORDS),
    }
)
_QUEUE_IS_OLD = "Azure does not use it any more; request_timeout_ms covers the waiting."
ENDPOINT: Mapping[str, Field] = {
    "$schema": _SCHEMA,
    "id": _READ,
    "name": Field(Sort.TEXT, True),
    "description": _TEXT,
    "tags": _WORDS,
    "provisioning_state": _READ,
    "properties": _WORDS,
    "auth_mode": _choice("key", "aml_token", "aad_token", camel=True),
    "scoring_uri": _READ,
    "location": Field(Sort.TEXT, old="The endpoint is made in the region of its workspace, whatever it says."),
    "openapi_uri": _READ,
    "identity": _IDENTITY,
    "traffic": Field(Sort.SHARES),
    "kind": _NEVER_SENT,
    "mirror_traffic": Field(Sort.SHARES),
    "public_network_access": _choice("enabled", "disabled"),
}
DEPLOYMENT: Mapping[str, Field] = {
    "$schema": _SCHEMA,
    "name": Field(Sort.TEXT, True),
    "endpoint_name": Field(Sort.TEXT, True),
    "description": _TEXT,
    "id": _READ,
    "tags": _WORDS,
    "properties": _WORDS,
    "model": _group(_MODEL, short=Short.ASSET),
    "code_configuration": _group({"$schema": _SCHEMA, "code": _TEXT, "scoring_script": _TEXT}),
    "environment": _group(_ENVIRONMENT, short=Short.ASSET),
    "environment_variables": _WORDS,
    "app_insights_enabled": Field(Sort.SWITCH),
    "scale_settings": _SCALE,
    "request_settings": _group(
        {
            "request_timeout_ms": Field(Sort.WHOLE, lowest=1, highest=180_000),
            "max_concurrent_requests_per_instance": _AT_LEAST_ONE,
            "max_queue_wait_ms": Field(Sort.WHOLE, lowest=0, old=_QUEUE_IS_OLD),
        }
    ),
    "liveness_probe": _PROBE,
    "readiness_probe": _PROBE,
    "provisioning_state": _READ,
    "instance_count": Field(Sort.WHOLE, lowest=1, warn_above=50),
    "type": _choice("managed", "kubernetes", camel=True),
    "model_mount_path": _TEXT,
    "instance_type": Field(Sort.TEXT, True),
    "data_collector": _COLLECTOR,
    "egress_public_network_access": _choice("enabled", "disabled"),
    "private_network_connection": Field(Sort.SWITCH),
    "creation_context": _CREATION,
}
FIELDS: Mapping[Kind, Mapping[str, Field]] = {Kind.ENDPOINT: ENDPOINT, Kind.DEPLOYMENT: DEPLOYMENT}


def paths(fields: Mapping[str, Field], before: str = "") -> dict[str, Field]:
    """Every field by its dotted path; ``*`` stands for a place in a list and for a name of one's own."""
    found: dict[str, Field] = {}
    for name, each in fields.items():
        path = f"{before}{name}"
        found[path] = each
        found |= paths(each.fields, f"{path}.")
        if each.item is not None:
            found |= paths(each.item.fields, f"{path}.*.")
    return found
