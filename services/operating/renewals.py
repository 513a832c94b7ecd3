"""New keys that Sluice has made for an endpoint: by whom and when. Azure tells neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.deploying.model import Job, JobState
from services.jobs.jobs import Jobs
from services.model import WorkspaceRef

ACTION = "rotate key"
_COUNTED = (JobState.SUCCEEDED, JobState.RUNNING, JobState.UNKNOWN)
"""What may have made a key. One that failed or was cancelled has made none."""


def title(which: str, endpoint: str) -> str:
    """The title of the job that makes a new ``Primary`` or ``Secondary`` key."""
    return f"Make a new {which.lower()} key for {endpoint}"


@dataclass(frozen=True)
class Renewals:
    """The jobs that have made keys of one endpoint, the newest first."""

    jobs: tuple[Job, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids. Any new one, of either key, changes them: callers may have been moved to a key that is gone."""
        return tuple(sorted(job.id for job in self.jobs))

    def words(self, now: datetime) -> str:
        """Who has made the last new key, and when, in a sentence; "" when there is none."""
        if not self.jobs:
            return ""
        last = self.jobs[0]
        key = "secondary" if last.title == title("Secondary", last.endpoint) else "primary"
        ago = _span((now - (last.ended_at or last.began_at)).total_seconds())
        who = f" by {last.who}" if last.who else ""
        if last.state is JobState.RUNNING:
            return f"A new {key} key is being made{who}."
        if last.state is JobState.UNKNOWN:
            return f"A new {key} key was asked for{who} {ago} ago, and nobody knows whether it was made."
        return f"The {key} key was renewed {ago} ago{who}."


def renewals(jobs: Jobs, workspace: WorkspaceRef, endpoint: str, *, but: str = "") -> Renewals:
    """What is kept of new keys of ``endpoint``, apart from the job ``but``. Raises StoreFailed."""
    kept = jobs.all(workspace, endpoint)
    return Renewals(tuple(job for job in kept if job.action == ACTION and job.state in _COUNTED and job.id != but))


def _span(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
