"""From a deployment's document to what the scoring plane needs: assets are resolved, rules are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.arm import refusals, rules
from emulator.arm.context import Context
from emulator.arm.deployment_document import given
from emulator.arm.references import blob_path, curated_environment, find_asset
from emulator.arm.rules import RuleBroken
from emulator.arm.sizes import find_size
from emulator.documents import Document
from emulator.http import not_emulated
from emulator.resources import Place
from emulator.scoring.model import DeploymentSpec, Probe

_MOST_BYTES = 100_000
"""A Linux process cannot be given a variable of 128 KiB."""
_MOST_SCRIPT = 1024
_CONTAINERS = "custom containers: give the environment an image and a conda file, and the deployment a scoring script"


def specification(context: Context, endpoint: str, deployment: str, document: Document) -> DeploymentSpec:
    """What the scoring plane runs for a deployment's document with its defaults.

    Raises RuleBroken or ServiceError when it breaks one of Azure's rules, names an asset that is not there, or asks for
    something the local Azure does not do. Whether files are behind the assets is found out when it is deployed.
    """
    properties = document["properties"]
    _check_kind(properties)
    rules.check_instances(document["sku"]["capacity"])
    place = context.place_of(endpoint)
    size = find_size(str(properties["instanceType"]))
    if size is None:
        raise refusals.unknown_size(str(properties["instanceType"]), place.region)
    _check_variables(properties["environmentVariables"])
    requests = properties["requestSettings"]
    timeout_ms = rules.duration_ms(requests["requestTimeout"], "requestSettings.requestTimeout")
    rules.check_request_timeout(timeout_ms)
    rules.check_concurrency(requests["maxConcurrentRequestsPerInstance"])
    rules.duration_ms(requests["maxQueueWait"], "requestSettings.maxQueueWait")
    model = find_asset(context, place, "models", str(properties["model"])) if properties.get("model") else None
    code = given(properties.get("codeConfiguration"))
    is_mlflow = model is not None and str(model["properties"].get("modelType")).lower() == "mlflow_model" and not code
    curated, environment = _environment(context, place, str(properties.get("environmentId") or ""), is_mlflow)
    if not is_mlflow and (not code.get("codeId") or not code.get("scoringScript")):
        raise not_emulated(f"a deployment without codeConfiguration: it does not run {_CONTAINERS}")
    script = str(code.get("scoringScript") or "")
    if "\0" in script or len(script) > _MOST_SCRIPT:
        raise RuleBroken(f"codeConfiguration.scoringScript {script[:80]!r} is not the path of a file.")
    asset = find_asset(context, place, "codes", str(code["codeId"])) if code else None
    return DeploymentSpec(
        endpoint=endpoint,
        deployment=deployment,
        instance_count=document["sku"]["capacity"],
        code_path=blob_path(context, place, str(asset["properties"].get("codeUri"))) if asset else None,
        scoring_script=script,
        model_path=blob_path(context, place, str(model["properties"].get("modelUri"))) if model else None,
        model_name=model["name"] if model else "",
        model_version=model["version"] if model else "",
        conda_yaml=environment.get("condaFile"),
        image=str(environment.get("image") or ""),
        environment_variables={str(name): str(value) for name, value in properties["environmentVariables"].items()},
        request_timeout_ms=timeout_ms,
        max_concurrent_requests=requests["maxConcurrentRequestsPerInstance"],
        liveness=_probe(properties["livenessProbe"], "livenessProbe"),
        readiness=_probe(properties["readinessProbe"], "readinessProbe"),
        instance_type=size.name,
        cores=size.cores,
        memory_gb=size.memory_gb,
        mlflow=is_mlflow,
        curated=curated,
    )


def _check_kind(properties: Mapping[str, Any]) -> None:
    if properties["endpointComputeType"] != "Managed":
        raise not_emulated(f"deployments of endpointComputeType {properties['endpointComputeType']}, managed ones only")
    if given(properties["scaleSettings"]).get("scaleType") != "Default":
        raise RuleBroken("A managed deployment has scaleSettings of type 'Default'; autoscale is configured elsewhere.")
    if not properties.get("instanceType"):
        raise RuleBroken("The deployment has no instanceType.")


def _check_variables(variables: Mapping[str, Any]) -> None:
    for name, value in variables.items():
        if isinstance(value, dict | list) or len(str(value).encode()) > _MOST_BYTES:
            raise RuleBroken(f"The environment variable {name[:80]!r} is not a text of at most {_MOST_BYTES} bytes.")


def _environment(context: Context, place: Place, reference: str, is_mlflow: bool) -> tuple[str, Mapping[str, Any]]:
    """Name of the curated environment, or image and conda file of the workspace's own."""
    if not reference and is_mlflow:
        return "", {}
    curated = curated_environment(context, place, reference)
    if curated:
        return curated, {}
    properties = find_asset(context, place, "environments", reference)["properties"]
    if properties.get("inferenceConfig"):
        raise not_emulated(f"an environment with inferenceConfig: it does not run {_CONTAINERS}")
    if properties.get("build"):
        raise not_emulated("building of images: give the environment an image and a conda file")
    return "", given(properties)


def _probe(settings: Mapping[str, Any], what: str) -> Probe:
    seconds = {
        name: rules.duration_ms(settings[name], f"{what}.{name}") / 1000
        for name in ("initialDelay", "period", "timeout")
    }
    for name in ("failureThreshold", "successThreshold"):
        rules.check_threshold(settings[name], f"{what}.{name}")
    return Probe(
        initial_delay_seconds=seconds["initialDelay"],
        period_seconds=seconds["period"],
        timeout_seconds=seconds["timeout"],
        failure_threshold=settings["failureThreshold"],
        success_threshold=settings["successThreshold"],
    )
