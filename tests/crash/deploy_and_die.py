"""Deploys as Sluice does, and is killed at the moment that it is told: ``run`` is a process's body."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.azure.connection import connect
from services.deploying import bundles
from services.deploying.model import Phase
from services.jobs import arriving
from services.jobs.jobs import Jobs, Kept
from services.jobs.worker import Worker
from services.journal.journal import Journal
from services.settings import Settings
from services.store import Store
from services.traffic.applier import Applier
from tests.crash import waiting

JOB_ID = "the-job"
LATER = timedelta(seconds=40)
MOMENTS = ("deleting", "deleted", "uploading", "sending", "unanswered", "accepted", "probes")


class MortalJobs(Jobs):
    """Kills its process before or after it has kept a certain thing."""

    moment = ""

    def tell(self, job_id: str, change: Callable[[Kept], Kept], holder: str = "") -> Kept:
        """Keep it, unless the process dies."""

        def mortal(kept: Kept) -> Kept:
            changed = change(kept)
            if self.moment == "unanswered" and "operation" in changed.work:
                os.kill(os.getpid(), signal.SIGKILL)
            return changed

        told = super().tell(job_id, mortal, holder)
        running = [step.phase for step in told.job.steps if step.ended_at is None]
        reached = {
            "deleting": Phase.DELETE in running and bool(told.work.get("sending")),
            "deleted": Phase.DELETE in running and "operation" in told.work,
            "uploading": Phase.UPLOAD in running,
            "sending": bool(told.work.get("sending")),
            "accepted": "operation" in told.work,
            "probes": Phase.PROBES in running,
        }
        if reached.get(self.moment):
            os.kill(os.getpid(), signal.SIGKILL)
        return told


def run(folder: Path, moment: str, file: Path, environment: Mapping[str, str]) -> None:
    """Deploy everything in ``folder``, and die at ``moment``; or go on with what is kept, half a minute later."""
    os.environ.clear()
    os.environ.update(environment)
    conn = connect(Settings.read(os.environ, Path("/nowhere")))
    jobs = MortalJobs(Store(file), conn.arm_host)
    jobs.moment = moment
    later = LATER if moment == "recover" else timedelta()
    worker = Worker(conn, jobs, now=lambda: datetime.now(UTC) + later, every_seconds=0.2)
    if moment == "recover":
        # Nothing here is slow to show what it holds.
        setattr(arriving, "SETTLE_SECONDS", 3)  # noqa: B010 - a constant
        worker.start()
        job_id = JOB_ID
    else:
        found = bundles.from_folder(folder, folder.parent)
        job_id = "" if moment == "again" else JOB_ID
        replacing = [f"{each.endpoint}/{each.name}" for each in found.documents] if moment in MOMENTS[:2] else []
        job_id = worker.deploy(conn, found, found.documents, "ann", job_id=job_id, replacing=replacing).id
    waiting.until_ended(worker, job_id)
    if moment == "recover":
        # The server does this all the time.
        journal = Journal(jobs.store, conn.arm_host, now=lambda: datetime.now(UTC) + later)
        Applier(journal, now=lambda: datetime.now(UTC) + later).recover_now(conn)
