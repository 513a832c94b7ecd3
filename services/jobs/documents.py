"""Jobs and evidence as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.deploying.model import Cause, Evidence, Job, JobState, Phase, Step
from services.model import WorkspaceRef


def from_job(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    return {
        **{name: getattr(job, name) for name in (*_TEXTS, *_LATER_TEXTS)},
        "workspace": asdict(job.workspace),
        "state": job.state.value,
        "began_at": job.began_at.isoformat(),
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "steps": [_from_step(step) for step in job.steps],
        "failure": list(job.failure) if job.failure else None,
        "causes": [asdict(cause) for cause in job.causes],
        "plan": [[resource, phase.value] for resource, phase in job.plan],
    }


def job_of(content: Mapping[str, Any]) -> Job:
    """The job that :func:`from_job` has written."""
    failure = content["failure"]
    return Job(
        **{name: content[name] for name in _TEXTS},
        **{name: content.get(name, "") for name in _LATER_TEXTS},
        workspace=WorkspaceRef(**content["workspace"]),
        state=JobState(content["state"]),
        began_at=datetime.fromisoformat(content["began_at"]),
        ended_at=_moment(content["ended_at"]),
        steps=tuple(_step(step) for step in content["steps"]),
        failure=(failure[0], failure[1], failure[2]) if failure else None,
        causes=tuple(Cause(**cause) for cause in content["causes"]),
        plan=tuple((resource, Phase(phase)) for resource, phase in content.get("plan", ())),
    )


def from_evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    """Evidence as JSON."""
    return None if evidence is None else {**asdict(evidence), "phase": evidence.phase and evidence.phase.value}


def evidence_of(content: Mapping[str, Any] | None) -> Evidence | None:
    """The evidence that :func:`from_evidence` has written."""
    if content is None:
        return None
    phase = content["phase"]
    return Evidence(**{**content, "phase": Phase(phase) if phase else None})


_TEXTS = ("id", "cloud", "endpoint", "deployment", "action", "title", "request_id", "person")
_LATER_TEXTS = ("principal", "stuck")
"""Not in what older versions have kept."""


def _from_step(step: Step) -> dict[str, Any]:
    ended_at = step.ended_at.isoformat() if step.ended_at else None
    return {**asdict(step), "phase": step.phase.value, "began_at": step.began_at.isoformat(), "ended_at": ended_at}


def _step(content: Mapping[str, Any]) -> Step:
    began_at, ended_at = datetime.fromisoformat(content["began_at"]), _moment(content["ended_at"])
    return Step(content["resource"], Phase(content["phase"]), began_at, ended_at, content["detail"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
