"""What ARM checks before any resource provider is asked: namespace, resource type and api-version.

Wording: error texts in public issues (azure-sdk-for-js#4097, azure-docs#92520, ansible-collections/azure#1739,
azure-sdk-for-net#2366). Which of the two version errors ARM gives for a version that is no date is not public; here it
is the one that ARM gives for its own resources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from emulator.arm.api_versions import BATCH_VERSIONS, RESOURCES_VERSIONS, find_type, is_azures, provider_name, types_of
from emulator.arm.regions import REGIONS
from emulator.errors import ServiceError
from emulator.resources import ResourcePath

_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(-[A-Za-z]+)?")


def check_registered(method: str, found: ResourcePath, version: str, region: str) -> None:
    """Check that Azure has what `found` names in this api-version. `region` is "*" where no resource is named.

    Raises :class:`ServiceError` in Azure's words. Types that Azure has and the local Azure has not pass.
    """
    if not _is_version(version):
        raise _invalid(version, RESOURCES_VERSIONS)
    if not found.segments:
        supported: Sequence[str] = BATCH_VERSIONS if found.is_batch else RESOURCES_VERSIONS
        if version not in supported:
            raise _invalid(version, supported)
        return
    if not is_azures(found.provider):
        raise ServiceError(
            404, "InvalidResourceNamespace", f"The resource namespace '{_short(found.provider)}' is invalid."
        )
    namespace = provider_name(found.provider)
    if namespace is None:
        return
    kind = _find_kind(method, namespace, found.types)
    if kind is None:
        raise ServiceError(
            404,
            "InvalidResourceType",
            f"The resource type '{_short('/'.join(found.types))}' could not be found in the namespace '{namespace}' for"
            f" api version '{version}'.",
        )
    supported = types_of(namespace)[kind]
    if supported and version not in supported:
        raise ServiceError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for location '{region}' and API version '{version}' for type"
            f" '{kind}'. The supported api-versions are '{', '.join(supported)}'. The supported locations are"
            f" '{', '.join(REGIONS)}'.",
        )


def _find_kind(method: str, namespace: str, types: Sequence[str]) -> str | None:
    whole = find_type(namespace, types)
    if whole is None and method == "POST" and len(types) > 1:
        # The last part of …/onlineEndpoints/e/listKeys is no type but an action.
        return find_type(namespace, types[:-1])
    return whole


def _is_version(text: str) -> bool:
    match = _VERSION.fullmatch(text)
    if match is None:
        return False
    try:
        date.fromisoformat(match[1])
    except ValueError:
        return False
    return True


def _invalid(version: str, supported: Sequence[str]) -> ServiceError:
    listed = ",".join(sorted(supported, reverse=True))
    return ServiceError(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{_short(version)}' is invalid. The supported versions are '{listed}'.",
    )


def _short(text: str) -> str:
    return text[:120]
