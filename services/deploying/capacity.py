"""Whether the subscription has room in the region for what a bundle deploys, by family and in all. Pure: lists of Azure
go in.

The arithmetic is Azure's (``services.quota.cores``): a fifth more instances are reserved for upgrades. Limits:
how-to-manage-quotas, "Azure Machine Learning online endpoints and batch endpoints".
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.azure.usages import Usage, VmSize, size_named
from services.deploying.model import Document, Finding, Kind, Level
from services.model import Deployment, Split
from services.quota.cores import Need, need
from services.quota.limits import Limit, binding

MAX_INSTANCES, MAX_DEPLOYMENTS = 50, 20
_SMALL = frozenset({"standard_ds1_v2", "standard_ds2_v2"})
"""azure-ai-ml warns of these itself: too little memory for most images."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class Offer:
    """What Azure has in the region of the workspace. An empty list was not read."""

    region: str
    sizes: tuple[VmSize, ...] = ()
    usages: tuple[Usage, ...] = ()


def instances_of(document: Document) -> int | None:
    """How many instances a deployment's file asks for, 1 when it does not say, as azure-ai-ml reads it: a text with a
    number counts, and what follows the point is cut off. None when it is no number."""
    count = document.content.get("instance_count", 1)
    if isinstance(count, bool) or not isinstance(count, int | float | str):
        return None
    try:
        return int(count)
    except (ValueError, OverflowError):
        return None


def check_capacity(
    documents: Sequence[Document],
    offer: Offer,
    existing: Mapping[tuple[str, str], Deployment],
    unread: Collection[str] = (),
) -> list[Finding]:
    """Instance types that are not offered, and families whose free cores do not hold all deployments of the bundle.

    ``existing`` are the deployments that are there, by endpoint and name in lower case: they hold cores already.
    ``unread`` are endpoints of which that is not known: there nobody can say how many more cores are needed.
    """
    found: list[Finding] = []
    asked: dict[str, int] = {}
    for document in documents:
        name, instances = document.content.get("instance_type"), instances_of(document)
        if not isinstance(name, str) or not name or not offer.sizes:
            continue
        if name.lower() in _SMALL:
            found.append(_small(document, name))
        size = size_named(offer.sizes, name)
        if size is None:
            found.append(_not_offered(document, name, offer))
        elif instances is not None and 1 <= instances <= MAX_INSTANCES and document.endpoint.lower() not in unread:
            held = existing.get((document.endpoint.lower(), document.name.lower()))
            found += _check_limits(document, need(size, instances), _held(held, offer), offer, asked)
    return found


def check_failed(
    documents: Sequence[Document],
    offer: Offer,
    existing: Mapping[tuple[str, str], Deployment],
    splits: Mapping[str, Split],
) -> list[Finding]:
    """Deployments beside those of the bundle that stand failed, without traffic, and hold cores all the same.

    ``splits`` are those of the endpoints, by name in lower case.
    """
    described = {(each.endpoint.lower(), each.name.lower()) for each in documents if each.kind is Kind.DEPLOYMENT}
    found: list[Finding] = []
    for key, deployment in existing.items():
        _, cores = _held(deployment, offer)
        split = splits.get(key[0])
        if deployment.state != "Failed" or key in described or not cores or split is None:
            continue
        if split.live_percent(deployment.name) or split.mirror.get(deployment.name):
            continue
        beside = next(each for each in documents if each.endpoint.lower() == key[0])
        what = f"{beside.endpoint}/{deployment.name} is there in the state Failed and holds {cores} cores."
        why = "They count against the quota until it is deleted, and it answers nothing."
        fix = "Delete it under Operate when nobody looks into it any more."
        found.append(Finding(Level.WARNING, "failed-holds-cores", beside.place("endpoint_name"), what, why, fix))
    return found


def check_room(documents: Sequence[Document], existing: Mapping[tuple[str, str], Deployment]) -> list[Finding]:
    """Endpoints that would get more deployments than Azure allows."""
    found: list[Finding] = []
    there: dict[str, set[str]] = {}
    for endpoint, name in existing:
        there.setdefault(endpoint, set()).add(name)
    for document in documents:
        names = there.setdefault(document.endpoint.lower(), set())
        if document.name.lower() not in names and len(names) >= MAX_DEPLOYMENTS:
            what = f"{document.endpoint} has no room for {document.name}."
            why = f"It has {len(names)} deployments, and Azure allows {MAX_DEPLOYMENTS}."
            fix = "Delete one that has no traffic."
            found.append(Finding(Level.ERROR, "endpoint-full", document.place("endpoint_name"), what, why, fix))
        names.add(document.name.lower())
    return found


def _check_limits(
    document: Document, wanted: Need, held: tuple[str, int], offer: Offer, asked: dict[str, int]
) -> list[Finding]:
    """One deployment against the tighter one of its family's limit and that of all families together.

    ``held`` is the family that it is of already, and how many cores it holds of it. ``asked`` is what those before it
    take, by family and, under "", of all; it is added to.
    """
    family = wanted.size.family.lower()
    holds = {"": held[1], held[0]: held[1]}

    def key(usage: Usage) -> str:
        return "" if usage.is_total else family

    limit = binding(
        family,
        offer.usages,
        lambda usage: wanted.cores - holds.get(key(usage), 0),
        lambda usage: asked.get(key(usage), 0),
    )
    for each in {"", family}:
        asked[each] = asked.get(each, 0) + wanted.cores - holds.get(each, 0)
    if limit is None:
        return []
    held_here = wanted.cores - limit.more
    place = document.place("instance_count" if "instance_count" in document.content else "instance_type")
    sums = f"{wanted.words} cores" + (f", {held_here} of them held already, so {limit.more} more" if held_here else "")
    if limit.more > 0 and limit.rest < 0:
        what = (
            f"The quota does not hold {document.name}: it needs {limit.more} cores more, and {max(limit.free, 0)} "
            "are free."
        )
        verb = "have" if limit.usage.is_total else "has"
        others = f" The other deployments of these files take {limit.before} first." if limit.before > 0 else ""
        why = (
            f"{sums}. In {offer.region} {limit.name} {verb} {limit.usage.used} of {limit.usage.limit} cores in use: "
            f"{limit.sums}.{others} Azure keeps a fifth more instances free for upgrades."
        )
        return [Finding(Level.ERROR, "quota", place, what, why, _smaller(wanted, held_here, limit))]
    what = f"{document.name} takes {sums}."
    why = f"In {offer.region} {limit.free} cores of {limit.name} are free: {limit.sums}."
    return [Finding(Level.NOTE, "quota-fits", place, what, why, "")]


def _smaller(wanted: Need, held: int, limit: Limit) -> str:
    """The most instances that fit, if any do."""
    fits = [count for count in range(1, wanted.instances) if need(wanted.size, count).cores - held <= limit.free]
    ask = "ask for more quota (Quota in Azure Machine Learning studio), or delete a deployment that nobody uses"
    if not fits:
        other = "a smaller instance type" if limit.usage.is_total else "an instance type of another family"
        return f"Choose {other}, {ask}."
    most = need(wanted.size, fits[-1])
    return f"{most.instances} instance{'s' if most.instances > 1 else ''} would fit ({most.words}). Otherwise {ask}."


def _held(deployment: Deployment | None, offer: Offer) -> tuple[str, int]:
    """The family in lower case of which a deployment holds cores already, and how many."""
    now = size_named(offer.sizes, deployment.instance_type) if deployment else None
    if deployment is None or now is None:
        return "", 0
    return now.family.lower(), need(now, deployment.instance_count).cores


def _not_offered(document: Document, name: str, offer: Offer) -> Finding:
    names = {each.name.lower(): each.name for each in offer.sizes}
    wanted = name.lower().replace(" ", "_").replace("-", "_")
    wanted = wanted if wanted.startswith("standard_") else f"standard_{wanted}"
    alike = [wanted] if wanted in names else difflib.get_close_matches(wanted, names, _MOST_NAMED, 0.75)
    fix = f"Did you mean {' or '.join(names[each] for each in alike)}?" if alike else "Choose one that is offered."
    what = f"The instance type {name} is not offered in {offer.region}."
    why = f"Azure Machine Learning offers {len(names)} others there to this subscription."
    return Finding(Level.ERROR, "size-not-offered", document.place("instance_type"), what, why, fix)


def _small(document: Document, name: str) -> Finding:
    what = f"{name} is small: it may run out of memory before the model is loaded."
    why = "The system and the inference server take a part of its memory, and azure-ai-ml warns of it too."
    fix = "Standard_DS3_v2 is the smallest one that most models run on."
    return Finding(Level.WARNING, "size-small", document.place("instance_type"), what, why, fix)
