"""Makes a failed clone again as Sluice does, and is killed when it is told to: ``run`` is a process's body."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.azure.connection import connect
from services.deploying.model import Job
from services.jobs import arriving
from services.jobs.jobs import Jobs, Kept
from services.jobs.worker import Worker
from services.operating import operating
from services.operating.change import Clone
from services.settings import Settings
from services.store import Store
from tests.crash import waiting

CLONE_ID, AGAIN_ID = "the-clone", "made-again"
CLONE = "clone"
LATER = timedelta(seconds=40)


class MortalJobs(Jobs):
    """Kills its process after it has kept a certain thing."""

    moment = ""

    def tell(self, job_id: str, change: Callable[[Kept], Kept], holder: str = "") -> Kept:
        """Keep it, and die if it is time."""
        told = super().tell(job_id, change, holder)
        is_cleared, is_accepted = "cleared" in told.work, "operation" in told.work
        reached = {
            "deleted": is_accepted and not is_cleared,
            "cleared": is_cleared,
            "created": is_accepted and is_cleared,
        }
        if reached.get(self.moment):
            os.kill(os.getpid(), signal.SIGKILL)
        return told


def run(endpoint: str, moment: str, file: Path, environment: Mapping[str, str]) -> None:
    """Clone green from blue; or delete the failed green and make it again, and die at ``moment``; or go on with what is
    kept, half a minute later."""
    os.environ.clear()
    os.environ.update(environment)
    conn = connect(Settings.read(os.environ, Path("/nowhere")))
    jobs = MortalJobs(Store(file), conn.arm_host)
    jobs.moment = moment
    later = LATER if moment == "recover" else timedelta()
    worker = Worker(conn, jobs, now=lambda: datetime.now(UTC) + later, every_seconds=0.2)
    job_id = AGAIN_ID
    if moment == "recover":
        # Nothing here is slow to show what it holds.
        setattr(arriving, "SETTLE_SECONDS", 3)  # noqa: B010 - a constant
        worker.start()
    elif moment == CLONE:
        agreed = operating.review(conn, endpoint, Clone("blue", "green"), jobs)
        job_id = operating.begin(conn, worker, agreed, "ann", job_id=CLONE_ID).id
    else:
        failed = jobs.get(CLONE_ID)
        assert isinstance(failed, Job)
        worker.deploy_again(conn, failed, "ann", job_id=AGAIN_ID)
    waiting.until_ended(worker, job_id)
