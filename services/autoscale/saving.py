"""Writing a setting, as a job.

A PUT replaces the whole setting, and Azure has no ETag for it. So the job reads it right before it writes and compares
it with what the person saw, all of its document is put back, and it is read again afterwards. Between reading and
writing is a moment, in which somebody else's write would be overwritten; no client can keep that from happening.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.autoscale.settings import Setting
from services.azure import autoscale
from services.azure.connection import Connection
from services.deploying.model import Job, JobState, Phase
from services.errors import Conflict, ServiceFailed, SluiceError
from services.jobs.worker import Worker, Write
from services.model import Deployment

WAIT_SECONDS = 120.0
"""How long a write is waited for. Azure answers it at once: there is no operation to follow. What became of a write
whose answer is lost takes a job up to a minute to find out."""


def save(
    conn: Connection,
    worker: Worker,
    deployment: Deployment,
    base: Setting | None,
    document: Mapping[str, Any],
    who: str,
    *,
    job_id: str = "",
) -> Setting:
    """Write ``document`` as the setting of a deployment; the setting as Azure holds it then.

    ``base`` is what the person saw, None when there was none. ``job_id`` is made once for a decision of a person.
    Raises Conflict when Azure holds another one by now or while another job changes the deployment, RuleBroken when
    Azure refuses it, ServiceFailed when it holds something else afterwards, and the other SluiceErrors.
    """
    what = f"The autoscale setting of {deployment.name} was not saved."
    # What is outdated already is refused without a job.
    autoscale.check_unchanged(conn, deployment.id, base, what)
    body = autoscale.writable(document)

    def look() -> dict[str, Any]:
        autoscale.check_unchanged(conn, deployment.id, base, what)
        return body

    title = f"{'Change' if base else 'Make'} the autoscale setting of {deployment.name}"
    path = autoscale.path_of(deployment.id, base)
    request = Write("PUT", path, body, autoscale.API_VERSION, role=autoscale.WRITER, look=look)
    _done(worker, _begin(conn, worker, deployment, title, request, who, job_id))
    return autoscale.checked(conn, deployment.id, body, what)


def delete(
    conn: Connection, worker: Worker, deployment: Deployment, base: Setting, who: str, *, job_id: str = ""
) -> None:
    """Delete the setting ``base`` of a deployment; its number of instances stays as it is. One that is gone is fine.

    Raises as :func:`save` does.
    """
    if autoscale.setting_of(conn, deployment.id) is None:
        return
    what = f"The autoscale setting of {deployment.name} was not deleted."
    autoscale.check_unchanged(conn, deployment.id, base, what)

    def look() -> None:
        if autoscale.setting_of(conn, deployment.id) is not None:
            autoscale.check_unchanged(conn, deployment.id, base, what)

    request = Write("DELETE", base.id, None, autoscale.API_VERSION, Phase.DELETE, autoscale.WRITER, look=look)
    title = f"Delete the autoscale setting of {deployment.name}"
    _done(worker, _begin(conn, worker, deployment, title, request, who, job_id))


def _begin(
    conn: Connection, worker: Worker, deployment: Deployment, title: str, request: Write, who: str, job_id: str
) -> Job:
    return worker.write(conn, "autoscale", title, deployment.endpoint, deployment.name, request, who, job_id=job_id)


def _done(worker: Worker, job: Job) -> None:
    """Wait for a job. Raises what it failed with."""
    ended = worker.wait(job.id, WAIT_SECONDS)
    if ended.state is JobState.SUCCEEDED:
        return
    if ended.failure is not None:
        raise SluiceError(*ended.failure, request_id=ended.request_id or None)
    if ended.state is JobState.CANCELLED:
        why = "Somebody has cancelled the job before anything was sent to Azure."
        raise Conflict(f"This was not done: {ended.title}.", why, "Decide again if you still want it.")
    why = f"Azure has not answered after {WAIT_SECONDS:.0f} seconds; the job goes on."
    raise ServiceFailed(f"It is not known yet whether this was done: {ended.title}.", why, "Look again in a minute.")
