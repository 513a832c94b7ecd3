"""Azure's own words for requests that the inferencing service refuses.

The texts are those that people have published: in issues of azureml-examples (name taken, endpoint quota), of
mslearn-azure-ml and azure-realtime-fraud-detection (cores), of azure-sdk-for-net (state of the endpoint) and in notes
on troubleshooting (failed deployments and endpoints). Statuses and texts that nobody has published are ours.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence

from emulator.errors import ServiceError

OUT_OF_QUOTA_HELP = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-outofquota"


def invalid(errors: Mapping[str, Sequence[str]]) -> ServiceError:
    """400 in the shape of the inferencing service: the real errors are a JSON text inside the inner error.

    `errors` are sentences by the field that they are about, "" for the whole.
    """
    inner = {
        "errors": {field: list(sentences) for field, sentences in errors.items()},
        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "traceId": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01",
    }
    detail = {"code": "InferencingClientCallFailed", "message": json.dumps(inner), "details": [], "additionalInfo": []}
    return ServiceError(400, "BadRequest", "The request is invalid.", details=[detail])


def busy(message: str) -> ServiceError:
    """409, and no Retry-After: the SDK would send the same change again by itself."""
    return ServiceError(409, "Conflict", message)


def not_created(endpoint: str) -> ServiceError:
    """An endpoint whose creation failed is of no use."""
    sentence = f"Specified endpoint [{endpoint}] has not been created successfully. Please recreate the endpoint."
    return invalid({"": [sentence]})


def unrecoverable(deployment: str) -> ServiceError:
    """A deployment that never was provisioned cannot be changed."""
    sentence = (
        f"Specified deployment [{deployment}] failed during initial provisioning and is in an unrecoverable state."
        " Delete and re-create."
    )
    return invalid({"": [sentence]})


def endpoint_changing(endpoint: str, state: str, verb: str = "create") -> ServiceError:
    """A deployment cannot be changed while its endpoint is. `verb` is create, update or delete."""
    return busy(
        f"Cannot {verb} a deployment in endpoint {endpoint} because it is in {state} provisioning state: another"
        " operation is in progress."
    )


def name_taken(endpoint: str) -> ServiceError:
    """Names of endpoints are unique in a region."""
    return ServiceError(
        400,
        "UserError",
        f"The specified endpoint name '{endpoint}' is not available. Endpoint names must be unique within the region."
        " Please try a different name.",
    )


def too_many_endpoints(subscription: str, count: int, limit: int) -> ServiceError:
    """No more endpoints in a subscription and region."""
    return ServiceError(
        400,
        "InferencingClientCallFailed",
        f"Endpoint Quota reached for subscription {subscription}.Current usage/limit: {count}/{limit}.Please clean up"
        " existing endpoints and try again",
    )


def out_of_cores(instance_type: str, subscription: str, used: int, limit: int, needed: int) -> ServiceError:
    """Not enough cores left in the family of an instance type."""
    sentence = (
        f"Not enough quota available for {instance_type} in SubscriptionId {subscription}. Current usage/limit:"
        f" {used}/{limit}. Additional needed: {needed} {OUT_OF_QUOTA_HELP}"
    )
    return invalid({"VmSize": [sentence]})


def unknown_size(instance_type: str, region: str) -> ServiceError:
    """An instance type that managed online endpoints do not run on."""
    sentence = f"The instance type {instance_type} is not one that managed online endpoints run on in {region}."
    return invalid({"VmSize": [sentence]})
