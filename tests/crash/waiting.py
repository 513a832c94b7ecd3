"""Waits in a process that may be killed."""

from __future__ import annotations

import time

from services.jobs.worker import Worker

WAIT_SECONDS = 240.0


def until_ended(worker: Worker, job_id: str) -> None:
    """Wait until a job has ended, then stop ``worker``. Gives up after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not worker.wait(job_id, WAIT_SECONDS).state.has_ended and time.monotonic() < deadline:
        # A job that nobody has taken over yet is not waited for: the worker looks for those every 0.2 s.
        time.sleep(0.05)
    worker.stop()
