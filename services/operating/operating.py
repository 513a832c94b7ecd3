"""Changes endpoints and deployments without losing anything: reads them whole, says what will change, compares again
right before the write, and sends Azure's own document back with that one thing replaced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from services.autoscale import by_hand
from services.azure.cloud import Json
from services.azure.connection import Connection
from services.azure.deployments import API_VERSION as DEPLOYMENT_API
from services.azure.deployments import asset_id, deployment_path, endpoint_path, read_deployment
from services.azure.endpoints import API_VERSION as ENDPOINT_API
from services.azure.endpoints import BUSY_STATES, get_endpoint, list_deployments
from services.deploying.model import Job, Phase
from services.errors import Conflict, NotFound
from services.jobs.jobs import Jobs
from services.jobs.worker import Worker, Write
from services.model import Deployment, Endpoint
from services.operating import recreating, signing_in
from services.operating.bodies import changed_deployment, changed_endpoint, cloned, restarted, scaled, tagged
from services.operating.change import (
    Change,
    Clone,
    DeleteDeployment,
    DeleteEndpoint,
    DeploymentSettings,
    EndpointSettings,
    Plan,
    Restart,
    RotateKey,
    Scale,
    SignIn,
)
from services.operating.planning import digest, plan
from services.operating.renewals import Renewals, renewals
from services.operating.room import Room, room


def review(conn: Connection, endpoint: str, change: Change, jobs: Jobs) -> Plan:
    """What ``change`` would do now, to be shown before it is confirmed. Changes nothing. ``jobs`` know who has made new
    keys before.

    Raises RuleBroken when it is against a rule, Conflict when the state forbids it, and the other SluiceErrors.
    """
    made, found, source = _reviewed(conn, jobs, endpoint, _resolved(conn, change))
    undone = by_hand.undone(conn, source, change.instances) if source and isinstance(change, Scale) else ""
    quota = _room(conn, made, found, source)
    said = [each for each in (undone, quota.words) if each]
    return replace(made, notes=(*made.notes, *said), is_autoscaled=bool(undone), is_refused=quota.is_refused)


def begin(conn: Connection, worker: Worker, agreed: Plan, who: str, *, job_id: str = "") -> Job:
    """Do what a plan says, after a look whether it still says so. ``who`` is the person, ``job_id`` as in Worker.

    Raises Conflict when Azure holds something else than the person has seen, and what :func:`review` raises.
    """
    known = worker.jobs.get(job_id) if job_id else None
    if known is not None:
        return known
    now, request = _agreed(conn, worker.jobs, agreed, job_id)

    def look() -> Any:  # noqa: ANN401 - JSON
        return _agreed(conn, worker.jobs, agreed, made)[1].body

    made = job_id or uuid4().hex
    request = replace(request, look=look, is_new=isinstance(agreed.change, Clone))
    return worker.write(conn, now.action, now.title, now.endpoint, now.deployment, request, who, job_id=made)


def _agreed(conn: Connection, jobs: Jobs, agreed: Plan, job_id: str) -> tuple[Plan, Write]:
    """What is sent for a plan by what Azure holds now. Raises Conflict when that is not what the person has seen."""
    now, endpoint, deployment = _reviewed(conn, jobs, agreed.endpoint, agreed.change, job_id)
    if (now.seen, now.lines) != (agreed.seen, agreed.lines):
        raise Conflict(
            f"This was not done: {agreed.title}.",
            (_renewed(conn, jobs, agreed, job_id) or "What Azure holds has changed since you looked.")
            + " Nothing was sent.",
            "Look again at what would change, then confirm.",
        )
    return now, _request(conn, now, endpoint, deployment)


def _renewed(conn: Connection, jobs: Jobs, agreed: Plan, job_id: str) -> str:
    """Who has made a new key since a plan was made, "" when that is not why the plan does not hold."""
    if not isinstance(agreed.change, RotateKey):
        return ""
    return renewals(jobs, conn.workspace, agreed.endpoint, but=job_id).words(datetime.now(UTC))


def _resolved(conn: Connection, change: Change) -> Change:
    """A clone whose references are ids that are there; every other change as it is."""
    if not isinstance(change, Clone):
        return change
    return replace(
        change,
        model=_id(conn, "models", change.model),
        code=_id(conn, "codes", change.code),
        environment=_id(conn, "environments", change.environment),
    )


def _id(conn: Connection, kind: str, text: str) -> str:
    return asset_id(conn, kind, text) if text else ""


def _reviewed(
    conn: Connection, jobs: Jobs, name: str, change: Change, job_id: str = ""
) -> tuple[Plan, Endpoint, Deployment | None]:
    wanted = getattr(change, "deployment", "")
    # At the same time: what is read first would be older when the request is sent.
    with ThreadPoolExecutor(3) as pool:
        read = pool.submit(get_endpoint, conn, name)
        listed = pool.submit(list_deployments, conn, name)
        single = pool.submit(_single, conn, name, wanted)
        endpoint, deployments, found = read.result(), listed.result(), single.result()
    if found is not None:
        # The list is of an older version of the API, which does not tell every field.
        deployments = [found if each.name == found.name else each for each in deployments]
    made = plan(change, endpoint, deployments)
    _check_idle(made, endpoint, found)
    if isinstance(change, RotateKey):
        made = _after(made, renewals(jobs, conn.workspace, name, but=job_id))
    return made, endpoint, found


def _single(conn: Connection, endpoint: str, deployment: str) -> Deployment | None:
    try:
        return read_deployment(conn, endpoint, deployment) if deployment else None
    except NotFound:
        return None


def _after(made: Plan, before: Renewals) -> Plan:
    """The plan of a new key, which holds only as long as nobody makes another one."""
    said = before.words(datetime.now(UTC))
    notes = (said, *made.notes) if said else made.notes
    return replace(made, seen=digest([made.seen, before.ids]), notes=notes)


def _room(conn: Connection, made: Plan, endpoint: Endpoint, source: Deployment | None) -> Room:
    """What the quota says to more instances; nothing when there are not more."""
    if source is None:
        return Room("")
    match made.change:
        case Scale() as change if change.instances > source.instance_count:
            return room(conn, endpoint.location, source.instance_type, source.instance_count, change.instances)
        case Clone() as change:
            size = change.instance_type or source.instance_type
            return room(conn, endpoint.location, size, 0, change.instances or source.instance_count)
    return Room("")


def _check_idle(made: Plan, endpoint: Endpoint, found: Deployment | None) -> None:
    is_only_read = isinstance(made.change, Clone)
    for kind, resource in (("endpoint", endpoint), ("deployment", None if is_only_read else found)):
        if resource is not None and resource.state in BUSY_STATES:
            why = f"The {kind} {resource.name} is being changed: Azure says {resource.state}."
            raise Conflict(f"This was not done: {made.title}.", why, "Wait until that has ended, then look again.")


def _request(conn: Connection, made: Plan, endpoint: Endpoint, found: Deployment | None) -> Write:
    document = found.raw if found is not None else {}
    change = made.change
    match change:
        case Scale():
            return _on_deployment(conn, made, "PATCH", scaled(change.instances))
        case DeploymentSettings():
            return _on_deployment(conn, made, "PUT", changed_deployment(document, change))
        case Restart():
            return _on_deployment(conn, made, "PUT", restarted(document, change))
        case Clone():
            request = _on_deployment(conn, made, "PUT", cloned(document, change), Phase.PROVISION)
            return replace(request, clone=recreating.kept_of(change, document))
        case DeleteDeployment():
            return _on_deployment(conn, made, "DELETE", None, Phase.DELETE)
        case EndpointSettings(description=None):
            return Write("PATCH", endpoint_path(conn, made.endpoint), tagged(endpoint.raw, change), ENDPOINT_API)
        case EndpointSettings():
            # Azure's PATCH knows tags alone.
            return Write(
                "PUT", endpoint_path(conn, made.endpoint), changed_endpoint(endpoint.raw, change), ENDPOINT_API
            )
        case DeleteEndpoint():
            return Write("DELETE", endpoint_path(conn, made.endpoint), None, ENDPOINT_API, Phase.DELETE)
        case SignIn():
            body = signing_in.changed(endpoint, change.mode)
            return Write("PUT", endpoint_path(conn, made.endpoint), body, ENDPOINT_API)
        case RotateKey():
            path = f"{endpoint_path(conn, made.endpoint)}/regenerateKeys"
            return Write("POST", path, {"keyType": change.which}, ENDPOINT_API)


def _on_deployment(conn: Connection, made: Plan, method: str, body: Json, phase: Phase = Phase.WRITE) -> Write:
    return Write(method, deployment_path(conn, made.endpoint, made.deployment), body, DEPLOYMENT_API, phase)
