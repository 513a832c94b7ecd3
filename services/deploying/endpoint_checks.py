"""One endpoint's file against what Azure holds, and what updates of endpoints and deployments would do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from services.azure.endpoints import BUSY_STATES
from services.deploying.changes import Change, ChangeKind, Changes
from services.deploying.deployment_checks import busy
from services.deploying.facts import Facts
from services.deploying.model import Document, Finding, Kind, Level
from services.deploying.splits import check_split
from services.model import Deployment, Endpoint

_MOST_NAMED = 4


def check_endpoint(document: Document, facts: Facts, coming: Collection[str]) -> Iterator[Finding]:
    """Name, state and split. ``coming`` are the deployments of the same bundle below it, in lower case."""
    name = document.name.lower()
    if not name or name not in facts.endpoints:
        return
    endpoint = facts.endpoints[name]
    taken = facts.elsewhere.get(name, ())
    if endpoint is None and taken:
        what = f"The name {document.name} is taken."
        why = f"The workspace {taken[0]} of the same region has an endpoint {document.name}; names are one region's."
        yield Finding(Level.ERROR, "name-taken", document.place("name"), what, why, "Choose another name.")
    if endpoint is not None and endpoint.state in BUSY_STATES:
        yield busy(document, document.name, endpoint.state)
    if document.content.get("public_network_access") == "disabled":
        what = f"{document.name} is reached from private networks only."
        why = "Sluice sends test requests from where it runs."
        fix = "Run Sluice inside the network, or leave the endpoint public."
        yield Finding(Level.NOTE, "private", document.place("public_network_access"), what, why, fix)
    there = {each.name.lower() for each in facts.deployments.get(name, ())}
    yield from check_split(document, there, coming)


def check_update(changes: Changes, facts: Facts) -> Iterator[Finding]:
    """What an update does that its file does not say, and whether it replaces what is live."""
    document = changes.document
    traffic, rest = _parted(changes.dropped)
    if traffic:
        shares = ", ".join(f"{each.path.rpartition('.')[2]} {each.before} %" for each in traffic)
        what = f"Applying this file takes the traffic away from {document.name}: {shares}."
        why = "az ml sends the whole endpoint, and this file has no traffic. With none, callers get 404."
        fix = "Add traffic to the file with what it has now, or leave the endpoint out of what is applied."
        yield Finding(Level.WARNING, "drops-traffic", document.place("name"), what, why, fix)
    if rest:
        names = ", ".join(each.label for each in rest[:_MOST_NAMED])
        more = f" and {len(rest) - _MOST_NAMED} more" if len(rest) > _MOST_NAMED else ""
        what = f"{document.name} would lose {names}{more}."
        why = "Azure has them and the file does not say them, so they go or fall back to Azure's defaults."
        fix = "Add to the file what should stay. Before and after are listed under what would change."
        yield Finding(Level.WARNING, "drops-fields", document.place("name"), what, why, fix)
    mode = next((each for each in changes.changes if each.path == "properties.authMode"), None)
    if mode is not None and mode.kind is not ChangeKind.ADDED:
        what = f"Callers of {document.name} sign in by {mode.before} now, and then by {mode.after}."
        why = "What they send today is refused afterwards."
        yield Finding(Level.WARNING, "auth-mode", mode.place, what, why, "Tell them first, or make another endpoint.")
    if document.kind is Kind.DEPLOYMENT and changes.exists:
        yield from _restart(changes, facts)


def _restart(changes: Changes, facts: Facts) -> Iterator[Finding]:
    document = changes.document
    endpoint, deployment = facts.endpoints.get(document.endpoint.lower()), facts.deployment(document)
    if not changes.restarts or endpoint is None or deployment is None:
        return
    live = endpoint.split.live_percent(deployment.name)
    if not live:
        return
    what = f"{document.name} has {live} % of the traffic, and its instances are replaced one after the other."
    why = "If the new version does not start, requests may fail meanwhile."
    if deployment.instance_count == 1:
        why = "It has one instance, so nothing answers in its place. " + why
    fix = "Deploy beside it under another name, test that, and move the traffic afterwards."
    yield Finding(Level.WARNING, "restarts-live", document.place("name"), what, why, fix)


def _parted(dropped: Collection[Change]) -> tuple[list[Change], list[Change]]:
    """Live and mirrored traffic, and everything else."""
    live = [each for each in dropped if each.path.startswith("properties.traffic")]
    mirrored = [each for each in dropped if each.path.startswith("properties.mirrorTraffic")]
    return [*live, *mirrored], [each for each in dropped if each not in live and each not in mirrored]


def described(document: Document, facts: Facts) -> Endpoint | Deployment | None:
    """What the document would update, None when it is not there or could not be read."""
    if document.kind is Kind.ENDPOINT:
        return facts.endpoints.get(document.name.lower())
    return facts.deployment(document)
