"""Azure's own rules for online endpoints and deployments. Pure: values in, a broken rule out.

Sources of the figures: how-to-safely-rollout-online-endpoints (traffic and mirror), how-to-manage-quotas (names and
limits), reference-yaml-deployment-managed-online (timeouts). Azure's wording of these is not public; the sentences are
ours. What people have published of Azure's wording is in refusals.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized

MAX_MIRROR_PERCENT = 50
MAX_ENDPOINTS = 100
MAX_DEPLOYMENTS = 20
MAX_DEPLOYMENTS_IN_REGION = 500
MAX_INSTANCES = 50
MAX_REQUEST_TIMEOUT_MS = 180_000
MAX_TAGS = 50
MAX_TAG_NAME = 512
MAX_TAG_VALUE = 256
_TAG_SIGNS = frozenset("<>%&\\?/")
_AUTH_MODES = {"key": "Key", "amltoken": "AMLToken", "aadtoken": "AADToken"}
_IDENTITIES = {
    frozenset({"none"}),
    frozenset({"systemassigned"}),
    frozenset({"userassigned"}),
    frozenset({"systemassigned", "userassigned"}),
}
NAME_LENGTH = range(3, 33)
_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")
_ASSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,9}(?:\.\d{1,9})?)D)?"
    r"(?:T(?:(?P<hours>\d{1,9}(?:\.\d{1,9})?)H)?(?:(?P<minutes>\d{1,9}(?:\.\d{1,9})?)M)?"
    r"(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


class RuleBroken(Exception):
    """A request that Azure refuses. `message` is a sentence for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def check_name(kind: str, name: str) -> None:
    """Names: 3 to 32 characters, a letter first, then letters, digits and single dashes. Case does not count."""
    if len(name) not in NAME_LENGTH or not _NAME.fullmatch(name.lower()):
        raise RuleBroken(
            f"The {kind} name '{name}' is not valid. A name has 3 to 32 characters, begins with a letter, and contains"
            " only letters, digits and single dashes between them."
        )


def check_asset_name(name: str) -> None:
    """Names and versions of assets: 1 to 255 letters, digits, dashes, underscores and dots, no sign first."""
    if not _ASSET_NAME.fullmatch(name):
        raise RuleBroken(
            f"The name or version '{name[:80]}' is not valid. It has at most 255 letters (a to z), digits, dashes,"
            " underscores and dots, and begins with a letter or a digit."
        )


def check_objects(body: Mapping[str, object], *fields: str) -> None:
    """Fields that are objects wherever they are given; null counts as absent."""
    for field in fields:
        if body.get(field) is not None and not isinstance(body[field], dict):
            raise RuleBroken(f"{field} must be an object.")


def switch(value: object, field: str) -> str | None:
    """Enabled or Disabled as Azure spells it, None when nothing was sent. Azure compares without case, and azure-ai-ml
    sends what its YAML says, which is lower case. Raises RuleBroken for another value.
    """
    if value is None:
        return None
    spelled = str(value).capitalize()
    if not isinstance(value, str) or spelled not in ("Enabled", "Disabled"):
        raise RuleBroken(f"{field} is {value!r}; it is Enabled or Disabled.")
    return spelled


def auth_mode(mode: object) -> str:
    """An auth mode in Azure's spelling; clients write it with and without capitals and underscores."""
    found = _AUTH_MODES.get(str(mode).lower().replace("_", "")) if isinstance(mode, str) else None
    if found is None:
        raise RuleBroken(f"authMode is {mode!r}; it must be Key, AMLToken or AADToken.")
    return found


def check_identity(identity: Mapping[str, object]) -> None:
    """The kinds of identity that ARM knows."""
    kind = identity.get("type")
    if not isinstance(kind, str) or frozenset(part.strip().lower() for part in kind.split(",")) not in _IDENTITIES:
        raise RuleBroken(f"identity.type is {kind!r}; it must be None, SystemAssigned, UserAssigned or both of these.")
    given = identity.get("userAssignedIdentities")
    if ("userassigned" in kind.lower()) != bool(given):
        raise RuleBroken("identity.userAssignedIdentities names the identities of type UserAssigned, and no others.")
    if given is not None and not isinstance(given, dict):
        raise RuleBroken("identity.userAssignedIdentities must be an object.")


def check_tags(tags: Mapping[str, object]) -> None:
    """At most 50 tags, names of at most 512 characters without <, >, %, &, \\, ? and /, values of at most 256.

    Source: the limitations in "Use tags to organize your Azure resources".
    """
    check_texts(tags, "The tag")
    if len(tags) > MAX_TAGS:
        raise RuleBroken(f"There are {len(tags)} tags; a resource has at most {MAX_TAGS}.")
    for name, value in tags.items():
        if not 1 <= len(name) <= MAX_TAG_NAME or _TAG_SIGNS.intersection(name):
            raise RuleBroken(
                f"The tag name '{name[:80]}' is not valid. It has 1 to {MAX_TAG_NAME} characters, and none of"
                f" {' '.join(sorted(_TAG_SIGNS))}."
            )
        if len(str(value or "")) > MAX_TAG_VALUE:
            raise RuleBroken(f"The value of the tag '{name[:80]}' is longer than {MAX_TAG_VALUE} characters.")


def check_plain(body: Mapping[str, object], *fields: str) -> None:
    """Fields that are texts wherever they are given; null counts as absent."""
    for field in fields:
        if body.get(field) is not None and not isinstance(body[field], str):
            raise RuleBroken(f"{field} must be a text.")


def check_texts(values: Mapping[str, object], field: str) -> None:
    """Tags and properties are maps of texts; null stands for no text."""
    for name, value in values.items():
        if value is not None and not isinstance(value, str):
            raise RuleBroken(f"{field} '{name}' is {value!r}; it must be a text.")


def shares(value: object, what: str) -> dict[str, int]:
    """Percentages by lower-cased deployment name. Raises RuleBroken when `value` is not a map of whole percentages."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RuleBroken(f"{what} must be an object of deployment names and whole percentages.")
    found: dict[str, int] = {}
    for name, percent in value.items():
        if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= 100:
            raise RuleBroken(f"{what} of '{name}' is {percent!r}; a share is a whole percentage from 0 to 100.")
        if name.lower() in found:
            raise RuleBroken(f"{what} names the deployment '{name}' twice.")
        found[name.lower()] = percent
    return found


def check_split(live: Mapping[str, int], mirror: Mapping[str, int], deployments: Mapping[str, bool]) -> None:
    """Check a split. `deployments` maps every deployment's name to whether it has been provisioned."""
    for name in (*live, *mirror):
        if name not in deployments:
            raise RuleBroken(f"Traffic names the deployment '{name}', which does not exist on this endpoint.")
    for name, percent in (*live.items(), *mirror.items()):
        if percent and not deployments[name]:
            raise RuleBroken(f"The deployment '{name}' has not been provisioned and cannot receive traffic.")
    total = sum(live.values())
    if total not in (0, 100):
        raise RuleBroken(f"Traffic percentages add up to {total}; they must add up to 0 or 100.")
    targets = [name for name, percent in mirror.items() if percent]
    if len(targets) > 1:
        raise RuleBroken(f"Mirror traffic can go to one deployment only, not to {' and '.join(sorted(targets))}.")
    for name in targets:
        if mirror[name] > MAX_MIRROR_PERCENT:
            raise RuleBroken(f"Mirror traffic of {mirror[name]} percent is above the limit of {MAX_MIRROR_PERCENT}.")
        if live.get(name):
            raise RuleBroken(f"The deployment '{name}' has live traffic; it cannot receive mirror traffic as well.")


def check_delete(deployment: str, live: Mapping[str, int]) -> None:
    """A deployment with live traffic stays."""
    if live.get(deployment):
        raise RuleBroken(
            f"The deployment '{deployment}' has {live[deployment]} percent of the endpoint's traffic and cannot be"
            " deleted; set its traffic to 0 first."
        )


def check_room(kind: str, existing: Sized, limit: int = MAX_DEPLOYMENTS) -> None:
    """Whether one more endpoint or deployment fits."""
    if len(existing) >= limit:
        raise RuleBroken(f"There is no room for another {kind}: there are {len(existing)}, and the limit is {limit}.")


def check_instances(count: object) -> None:
    """1 to 50 instances in a deployment."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_INSTANCES:
        raise RuleBroken(f"The instance count (sku.capacity) is {count!r}; it must be from 1 to {MAX_INSTANCES}.")


def duration_ms(text: object, what: str) -> int:
    """Milliseconds of an ISO 8601 duration such as PT5S. Raises RuleBroken when it is not one."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groupdict().values()):
        raise RuleBroken(f"{what} is {text!r}; it must be an ISO 8601 duration such as PT5S.")
    unit = {"days": 86_400_000, "hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
    return round(sum(float(number) * unit[name] for name, number in match.groupdict().items() if number))


def check_request_timeout(milliseconds: int) -> None:
    """Requests may take up to three minutes."""
    if not 1 <= milliseconds <= MAX_REQUEST_TIMEOUT_MS:
        raise RuleBroken(
            f"requestSettings.requestTimeout is {milliseconds} ms; it must be from 1 to {MAX_REQUEST_TIMEOUT_MS} ms."
        )


def check_threshold(value: object, what: str) -> None:
    """How often a probe must answer alike before it counts."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RuleBroken(f"{what} is {value!r}; it must be a whole number from 1.")


def check_concurrency(value: object) -> None:
    """At least one request at a time in an instance."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RuleBroken(
            f"requestSettings.maxConcurrentRequestsPerInstance is {value!r}; it must be a whole number from 1."
        )
