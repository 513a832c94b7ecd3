"""How far a job is, resource by resource and phase by phase, as HTML."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape

from services.deploying.model import Job, JobState, Phase, Step
from ui import words

PHASES = {
    Phase.UPLOAD: "Upload files",
    Phase.REGISTER: "Register assets",
    Phase.BUILD: "Build the image",
    Phase.PROVISION: "Start instances",
    Phase.PROBES: "Wait for probes",
    Phase.READY: "Ready",
    Phase.WRITE: "Write to Azure",
    Phase.DELETE: "Delete",
}
STATES = {
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
    JobState.UNKNOWN: "end not known",
}
TONES = {
    JobState.RUNNING: "busy",
    JobState.SUCCEEDED: "good",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "neutral",
    JobState.UNKNOWN: "busy",
}
Usual = Callable[[Step], float | None]


def listed(job: Job, now: datetime, usual: Usual) -> str:
    """The phases of every resource of a job, in their order, and while it runs those that are still ahead. ``usual``
    tells the seconds that one takes. Pure."""
    coming = ahead(job, now)
    parts = "".join(
        f'<li><b class="resource">{escape(name)}</b><ol>'
        f"{''.join(_step(job, each, now, usual) for each in job.steps if each.resource == name)}"
        f"{''.join(_coming(job, each, usual) for each in coming if each.resource == name)}</ol></li>"
        for name in dict.fromkeys(each.resource for each in (*job.steps, *coming))
    )
    if parts:
        return f'<ol class="phases">{parts}</ol>'
    return "" if job.state.has_ended else '<p class="hint">It is about to begin.</p>'


def ahead(job: Job, now: datetime) -> tuple[Step, ...]:
    """The phases of a running job that have not begun. One that Azure has left out is not ahead any more. Pure."""
    if job.state.has_ended:
        return ()
    begun = {(each.resource, each.phase) for each in job.steps}
    found = []
    for number, (resource, phase) in enumerate(job.plan):
        later = (each for each in job.plan[number:] if each[0] == resource)
        if not begun.intersection(later):
            found.append(Step(resource, phase, now))
    return tuple(found)


def rest(job: Job, now: datetime, usual: Usual) -> float | None:
    """How many seconds what is ahead usually takes, None when nothing like it has gone well here. Pure."""
    coming = ahead(job, now)
    if not coming or any(usual(each) is None for each in coming if each.phase is Phase.READY):
        return None
    # What was never seen where others went well is left out by Azure.
    return sum(usual(each) or 0.0 for each in coming)


def _coming(job: Job, step: Step, usual: Usual) -> str:
    expected = usual(step)
    times = "" if expected is None else f"usually {_short(expected)}"
    phase = name_of(job, step)
    return f'<li class="future"><span class="phase">{phase}</span><span class="took">{times}</span></li>'


def name_of(job: Job, step: Step) -> str:
    """What a phase is called. Pure."""
    if job.action == "deploy" and step.phase is Phase.WRITE:
        return "Ask Azure" if "/" in step.resource else "Change the endpoint"
    if job.action in ("deploy", "create") and step.phase is Phase.DELETE:
        return "Delete the failed one"
    if step.phase is Phase.PROVISION and "/" not in step.resource:
        return "Make the endpoint"
    return PHASES[step.phase]


def _short(seconds: float) -> str:
    return words.elapsed(seconds) if seconds >= 1 else "under 1 s"


def _step(job: Job, step: Step, now: datetime, usual: Usual) -> str:
    is_running = step.ended_at is None and not job.state.has_ended
    is_last = step is next((each for each in reversed(job.steps) if each.resource == step.resource), None)
    has_failed = job.state in (JobState.FAILED, JobState.UNKNOWN) and is_last and step is job.steps[-1]
    mark = "now" if is_running else "failed" if has_failed else "past"
    until = step.ended_at or job.ended_at or now
    taken = max(0.0, (until - step.began_at).total_seconds())
    expected = usual(step)
    times = words.elapsed(taken) if is_running else _short(taken)
    if expected is not None and (is_running or has_failed):
        times += f", usually {_short(expected)}"
    bar = ""
    if is_running and expected:
        bar = f'<i class="bar"><i style="width:{min(100.0, 100 * taken / expected):.0f}%"></i></i>'
    current = ' aria-current="step"' if is_running else ""
    phase = name_of(job, step)
    detail = f' <span class="detail">{escape(step.detail)}</span>' if step.detail else ""
    said = '<span class="unseen">, failed</span>' if has_failed else ""
    return (
        f'<li class="{mark}"{current}><span class="phase">{phase}{said}</span>{detail}'
        f'<span class="took">{times}</span>{bar}</li>'
    )
