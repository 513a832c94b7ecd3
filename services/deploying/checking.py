"""Everything that can be known of a bundle before it is applied: what would fail, and what may surprise.

Judging reads the bundle's own files and nothing else (endpoint_checks, deployment_checks, capacity, and what they use).
What it needs to know of Azure is read at once (facts). A source that cannot be read becomes a finding that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.azure.connection import Connection
from services.deploying.asking import Gap
from services.deploying.capacity import check_capacity, check_failed, check_room
from services.deploying.changes import Changes, changes_on
from services.deploying.deployment_checks import check_assets, check_endpoint_of, check_files
from services.deploying.endpoint_checks import check_endpoint, check_update, described
from services.deploying.facts import Facts, gather
from services.deploying.model import Bundle, Document, Finding, Kind, Level, Place

NOT_CHECKED = "not-checked"
"""The code of a finding that says what could not be looked at."""
_ROLE = "AzureML Data Scientist"
_ORDER = (Level.ERROR, Level.WARNING, Level.NOTE)
_STEPS = {
    "onlineEndpoints/write": "make or change the endpoint",
    "onlineEndpoints/deployments/write": "make or change a deployment",
    "models/versions/write": "register the model",
    "codes/versions/write": "register the code",
    "environments/versions/write": "register the environment",
}


def check(conn: Connection, bundle: Bundle) -> tuple[Finding, ...]:
    """What speaks against applying ``bundle`` in the connection's workspace: errors, then warnings, then notes.

    What is wrong with the files themselves is in ``bundle.findings`` and not repeated here. Never raises SluiceError:
    what could not be looked at is a finding of its own. Takes as long as the slowest of some small requests,
    and no longer than their limit (see services.deploying.asking).
    """
    return judge(bundle, gather(conn, bundle))


def judge(bundle: Bundle, facts: Facts) -> tuple[Finding, ...]:
    """What ``facts`` say about ``bundle``. Reads its files and nothing else."""
    deployments = [each for each in bundle.documents if each.kind is Kind.DEPLOYMENT]
    existing = {(key, each.name.lower()): each for key, named in facts.deployments.items() for each in named}
    found = [finding for document in bundle.documents for finding in _judge(document, bundle, facts)]
    found += check_room(deployments, existing)
    splits = {key: endpoint.split for key, endpoint in facts.endpoints.items() if endpoint is not None}
    found += check_failed(bundle.documents, facts.offer, existing, splits)
    found += check_capacity(deployments, facts.offer, existing, facts.unread)
    found += _rights(facts)
    found += _gaps(facts.gaps)
    return tuple(sorted(dict.fromkeys(found), key=lambda each: _ORDER.index(each.level)))


def _judge(document: Document, bundle: Bundle, facts: Facts) -> Iterator[Finding]:
    if document.kind is Kind.ENDPOINT:
        yield from check_endpoint(document, facts, _names(bundle.documents, document))
    else:
        endpoints = {each.name.lower() for each in bundle.documents if each.kind is Kind.ENDPOINT}
        yield from check_endpoint_of(document, facts, endpoints)
        yield from check_assets(document, facts)
        yield from check_files(document, bundle, facts)
    found = described(document, facts)
    if found is not None:
        yield from check_update(changes_on(document, found), facts)


def _names(documents: Sequence[Document], endpoint: Document) -> set[str]:
    """The deployments of the bundle below an endpoint."""
    deployments = (each for each in documents if each.kind is Kind.DEPLOYMENT)
    return {each.name.lower() for each in deployments if each.endpoint.lower() == endpoint.name.lower()}


def _rights(facts: Facts) -> Iterator[Finding]:
    for action in facts.forbidden:
        what = f"You may not {_STEPS.get(action, action)}."
        why = f"Your roles in the workspace lack Microsoft.MachineLearningServices/workspaces/{action}."
        fix = f"Ask for the role {_ROLE} on the workspace, or for one with this action."
        yield Finding(Level.ERROR, "role-missing", Place(), what, why, fix)


def _gaps(gaps: Sequence[Gap]) -> Iterator[Finding]:
    """What was not checked, beside what it is about. What fails all the same way is told once."""
    alike: dict[tuple[str, str, Place | None], list[Gap]] = {}
    for gap in gaps:
        key = (gap.error.what, gap.error.why, gap.question.place if gap.is_late else None)
        alike.setdefault(key, []).append(gap)
    for each in alike.values():
        error, places = each[0].error, {gap.question.place for gap in each}
        subjects = ", ".join(dict.fromkeys(gap.question.subject for gap in each))
        more = dict.fromkeys(gap.question.else_unknown for gap in each if gap.question.else_unknown)
        why = " ".join((error.what, error.why, *more))
        place = each[0].question.place if len(places) == 1 else Place()
        yield Finding(Level.WARNING, NOT_CHECKED, place, f"Not checked: {subjects}.", why, error.next_step)


def changes_in(bundle: Bundle, facts: Facts) -> tuple[Changes, ...]:
    """What applying each document changes; without those whose endpoint could not be read, or not yet."""
    told = []
    for document in bundle.documents:
        if document.endpoint.lower() in facts.endpoints:
            found = described(document, facts)
            told.append(Changes(document, exists=False) if found is None else changes_on(document, found))
    return tuple(told)
