"""A job that runs and changes what files describe: a second one would be refused, so it is said before."""

from __future__ import annotations

from services.deploying.model import Bundle, Finding, Job, Kind, Level, Place
from services.errors import SluiceError
from services.jobs.jobs import Jobs
from services.model import WorkspaceRef


def in_the_way(jobs: Jobs, workspace: WorkspaceRef, bundle: Bundle) -> Job | None:
    """The running job that changes what ``bundle`` describes, None when there is none or the jobs cannot be read."""
    described = {
        (each.endpoint if each.kind is Kind.ENDPOINT else f"{each.endpoint}/{each.name}").lower()
        for each in bundle.documents
    }
    try:
        return jobs.in_the_way(workspace, described)
    except SluiceError:
        return None


def findings(jobs: Jobs, workspace: WorkspaceRef, bundle: Bundle) -> list[Finding]:
    """That such a job runs."""
    job = in_the_way(jobs, workspace, bundle)
    if job is None:
        return []
    what, why = f"{job.title} is running.", "It changes the same, and Sluice does one thing to it after the other."
    return [Finding(Level.ERROR, "job-running", Place(), what, why, "Wait until it has ended, then apply.")]
