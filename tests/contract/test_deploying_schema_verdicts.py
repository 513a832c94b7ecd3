"""What we call an error azure-ai-ml refuses, and what it refuses we call an error: tried with its own loader."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.deploying.documents import parse
from services.deploying.model import Kind, Level

CLIENT_SIDE = {"field-unknown", "field-missing", "field-empty", "value-not-allowed", "reference-form"}
"""Errors that az ml finds by itself; the others are Azure's rules, which it leaves to Azure."""
DEPLOYMENT: dict[str, Any] = {
    "name": "blue",
    "endpoint_name": "whats-in-a-name",
    "model": "azureml:m:1",
    "environment": "azureml:e:1",
    "instance_type": "Standard_DS3_v2",
    "instance_count": 1,
}
ENDPOINT: dict[str, Any] = {"name": "whats-in-a-name", "auth_mode": "key"}
PLAIN = st.sampled_from([None, True, False, 0, 3, 2.5, "3", "yes", "a=b", "key", "Enabled", "default", "AMLToken", "x"])
FIELDS = st.dictionaries(st.sampled_from(["type", "period", "blue", "enabled"]), PLAIN, max_size=2)
VALUES: st.SearchStrategy[Any] = st.one_of(PLAIN, FIELDS, st.lists(PLAIN, max_size=1))
EXAMPLES = 200 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 8


@pytest.fixture(scope="module")
def refuses(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind, str], bool]:
    """Whether azure-ai-ml refuses to load a text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from azure.ai.ml import load_online_deployment, load_online_endpoint
        from azure.ai.ml.exceptions import MlException
        from marshmallow import ValidationError

    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "model.bin").write_text("x")

    def ask(kind: Kind, text: str) -> bool:
        load = load_online_endpoint if kind is Kind.ENDPOINT else load_online_deployment
        (folder / "file.yml").write_text(text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load(source=folder / "file.yml")
        except (MlException, ValidationError, TypeError, AttributeError, ValueError):
            return True
        return False

    return ask


def errors(text: str) -> set[str]:
    return {each.code for each in parse(text, "file.yml")[1] if each.level is Level.ERROR}


def agree(refuses: Callable[[Kind, str], bool], kind: Kind, content: dict[str, Any]) -> None:
    text = yaml.safe_dump(content, sort_keys=False)
    ours, azures = errors(text), refuses(kind, text)
    assert not azures or ours, f"az ml refuses, we do not: {text}"
    assert azures or not ours & CLIENT_SIDE, f"we refuse for {ours}, az ml does not: {text}"


FREE_FIELDS = ("description", "tags", "properties", "app_insights_enabled", "request_settings", "liveness_probe")
DEPLOYMENT_FIELDS = (
    *FREE_FIELDS,
    "name",
    "endpoint_name",
    "instance_type",
    "instance_count",
    "environment_variables",
    "readiness_probe",
    "egress_public_network_access",
    "scale_settings",
    "data_collector",
    "model_mount_path",
    "private_network_connection",
    "model",
    "environment",
    "code_configuration",
    "provisioning_state",
    "instance_cuont",
)
ENDPOINT_FIELDS = (
    "name",
    "description",
    "tags",
    "properties",
    "auth_mode",
    "location",
    "identity",
    "traffic",
    "mirror_traffic",
    "public_network_access",
    "kind",
    "scoring_uri",
    "instance_type",
)


@pytest.mark.parametrize("field", DEPLOYMENT_FIELDS)
def test_a_deployment_is_refused_by_both_or_by_none(refuses: Callable[[Kind, str], bool], field: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(VALUES)
    def check(value: object) -> None:
        agree(refuses, Kind.DEPLOYMENT, {**DEPLOYMENT, field: value})

    check()


@pytest.mark.parametrize("field", ENDPOINT_FIELDS)
def test_an_endpoint_is_refused_by_both_or_by_none(refuses: Callable[[Kind, str], bool], field: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(VALUES)
    def check(value: object) -> None:
        agree(refuses, Kind.ENDPOINT, {**ENDPOINT, field: value})

    check()


@pytest.mark.parametrize("field", ["name", "endpoint_name", "instance_type"])
def test_what_is_missing_is_missed_by_both(refuses: Callable[[Kind, str], bool], field: str) -> None:
    content = {name: value for name, value in DEPLOYMENT.items() if name != field}
    schema = "https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json"
    agree(refuses, Kind.DEPLOYMENT, {"$schema": schema, **content})
