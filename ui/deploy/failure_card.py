"""Why a job failed: what a person is told, then each cause with the line that proves it and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.deploying.model import Cause, Evidence, Job

_MOST_CAUSES = 4
_NOT_KNOWN = "not-known"


def show(job: Job, evidence: Evidence | None) -> None:
    """Draw the card, and below it what was gathered when it failed."""
    st.html(card(job))
    if evidence is None:
        return
    for label, log in (("Container log", evidence.log), ("Storage initializer's log", evidence.storage_log)):
        if log.strip():
            with st.expander(f"{label} when it failed", expanded=False):
                st.code(log, language=None, height=320)


def card(job: Job) -> str:
    """The card as HTML. Pure."""
    what, why, step = job.failure or ("It failed.", "Azure gave no reason.", "Look at the log, then try again.")
    known = bool(job.causes) and job.causes[0].code != _NOT_KNOWN
    # What mends a known cause is said with it. That something has to go first is no part of that.
    following = "" if known and not job.stuck else f"<dt>Next</dt><dd>{escape(step)}</dd>"
    request = f'<dt>Request id</dt><dd class="code">{escape(job.request_id)}</dd>' if job.request_id else ""
    return (
        f'<section class="problem failed-job" role="alert"><h2>{escape(what)}</h2>{causes(job.causes)}<dl>'
        f"<dt>Why</dt><dd>{escape(why)}</dd>{following}{request}</dl></section>"
    )


def causes(found: Sequence[Cause]) -> str:
    """The causes, the most likely one first, as HTML. Pure."""
    if not found:
        return ""
    first = _cause(found[0])
    others = "".join(f"<li>{_cause(each)}</li>" for each in found[1:_MOST_CAUSES])
    more = (
        f"<details><summary>{len(found[1:_MOST_CAUSES])} less likely</summary><ol>{others}</ol></details>"
        if others
        else ""
    )
    return f'<div class="causes">{first}{more}</div>'


def _cause(cause: Cause) -> str:
    proof = ""
    if cause.proof:
        source = f'<span class="at">{escape(cause.source)}</span>' if cause.source else ""
        proof = f"<dt>Proof</dt><dd><pre><code>{escape(cause.proof)}</code></pre>{source}</dd>"
    elif cause.source:
        proof = f"<dt>From</dt><dd>{escape(cause.source)}</dd>"
    return (
        f"<dl class='cause'><dt>Cause</dt><dd><b>{escape(cause.cause)}</b></dd>{proof}"
        f"<dt>Fix</dt><dd>{escape(cause.fix)}</dd></dl>"
    )
