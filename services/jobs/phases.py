"""The phases of a job: which one begins and ends when, and how long each usually takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from statistics import median

from services.deploying.model import Job, JobState, Phase, Step


def begin(job: Job, resource: str, phase: Phase, now: datetime, detail: str = "") -> Job:
    """``job`` with a phase of ``resource`` that runs from now on. One that runs already gets the new detail alone."""
    running = _find(job, resource, phase)
    if running is not None and running.ended_at is None:
        return _put(job, running, replace(running, detail=detail or running.detail))
    return replace(job, steps=(*job.steps, Step(resource, phase, now, None, detail)))


def end(job: Job, resource: str, phase: Phase, now: datetime, detail: str = "") -> Job:
    """``job`` with a phase of ``resource`` ended, if it runs."""
    running = _find(job, resource, phase)
    if running is None or running.ended_at is not None:
        return job
    return _put(job, running, replace(running, ended_at=now, detail=detail or running.detail))


def move(job: Job, resource: str, phase: Phase, now: datetime, detail: str = "") -> Job:
    """``job`` with ``phase`` as the only one of ``resource`` that runs."""
    running = _find(job, resource, phase)
    if running is None or running.ended_at is not None:
        job = end_all(job, now, resource)
    return begin(job, resource, phase, now, detail)


def end_all(job: Job, now: datetime, resource: str = "") -> Job:
    """``job`` with everything ended that runs, of one resource or of all."""
    return replace(
        job,
        steps=tuple(
            replace(step, ended_at=now) if step.ended_at is None and resource in ("", step.resource) else step
            for step in job.steps
        ),
    )


def remark(job: Job, detail: str) -> Job:
    """``job`` with other words beside everything that runs."""
    return replace(
        job, steps=tuple(replace(step, detail=detail) if step.ended_at is None else step for step in job.steps)
    )


def usual_seconds(jobs: Iterable[Job], step: Step) -> float | None:
    """How long a phase usually takes: the median over kept jobs that went well, of resources of the same kind
    (endpoints, or deployments). None when there is none."""
    is_deployment = "/" in step.resource
    taken = [
        (each.ended_at - each.began_at).total_seconds()
        for job in jobs
        if job.state is JobState.SUCCEEDED
        for each in job.steps
        if each.phase is step.phase and ("/" in each.resource) == is_deployment and each.ended_at is not None
    ]
    return median(taken) if taken else None


def _find(job: Job, resource: str, phase: Phase) -> Step | None:
    found = (step for step in reversed(job.steps) if step.resource == resource and step.phase is phase)
    return next(found, None)


def _put(job: Job, before: Step, after: Step) -> Job:
    return replace(job, steps=tuple(after if step is before else step for step in job.steps))
