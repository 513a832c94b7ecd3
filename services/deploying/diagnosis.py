"""Why a deployment failed: from the evidence to causes, the most likely first. Nothing is read or asked here.

Azure's code says which of the sources tells the truth: a container that crashed has its reason in its log, an image in
the log of its build, and a request that was refused in the answer. The tables are in ``code_causes`` (Azure's codes),
``build_causes`` (the image), ``log_causes`` and ``exception_signs`` (the container).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from services.deploying import build_causes, code_causes, log_causes
from services.deploying.exception_causes import quoted_cause
from services.deploying.model import Cause, Evidence, Phase
from services.deploying.redacting import redacted_text
from services.deploying.signs import Found, shown

CONTAINER_LOG = "the container's log"
STORAGE_LOG = "the storage-initializer's log"
MOST_CAUSES = 4
"""Causes that are told of one failure; the rest helps nobody."""

_BUILD = re.compile(r"ImageBuild|EnvironmentBuild|Environment Image", re.IGNORECASE)
_STARTS = re.compile(
    r"ResourceNotReady|User container has crashed|CrashLoopBackOff|UserScript|PodOutOfMemory|probe failed",
    re.IGNORECASE,
)
_TOO_FAR = 25
"""How much less certain than the first a cause is not told any more: it is what the first one led to, or a guess."""
_UNTRUSTED = 45
"""How much less certain a log is that Azure's code does not point to."""


def diagnose(evidence: Evidence) -> tuple[Cause, ...]:
    """What may have caused a failure, the most likely first, each with the line that proves it where there is one.

    Never empty: where nothing is known, the one cause is Azure's own code and message.
    """
    code = code_causes.code_in(evidence.code, evidence.message)
    ordered = sorted(_candidates(code, evidence), key=lambda found: -found.certainty)
    near = [found.cause for found in ordered if found.certainty >= ordered[0].certainty - _TOO_FAR]
    causes = _distinct(near)
    return tuple(map(_redacted, causes[:MOST_CAUSES] or (_unknown(code, evidence),)))


def _candidates(code: str, evidence: Evidence) -> list[Found]:
    said = f"{code}: {evidence.message}"
    found = list(code_causes.causes_of(code, evidence.message, evidence.phase))
    if _BUILD.search(said) or evidence.phase is Phase.BUILD:
        found += build_causes.causes_in(evidence.message, code_causes.MESSAGE)
        found += _preferred(build_causes.causes_in(evidence.storage_log, STORAGE_LOG))
        return found + list(build_causes.causes_in(evidence.log, CONTAINER_LOG))
    starts = bool(_STARTS.search(said)) or not (code or evidence.message.strip())
    # Of the same thing said twice, the newest line counts.
    in_log = [*reversed(log_causes.causes_in(evidence.log, CONTAINER_LOG))]
    if build_causes.is_installed_in(evidence.log):
        in_log += build_causes.causes_in(evidence.log, CONTAINER_LOG)
    in_storage = log_causes.causes_in(evidence.storage_log, STORAGE_LOG)
    if starts:
        found += _preferred(in_log)
        found += _said(evidence.message, evidence.log)
        return found + [_less(each, 10) for each in in_storage]
    return found + [_less(each, _UNTRUSTED) for each in (*in_log, *in_storage)]


def _said(message: str, log: str) -> list[Found]:
    """What the exception or probe that Azure's message quotes means, unless the log has it and knows more."""
    found = list(log_causes.probes_in(message, code_causes.MESSAGE))
    for line in message.splitlines():
        text = re.sub(r"^.*?crashed or terminated:\s*", "", line)
        quoted = None if text and text in log else quoted_cause(text, code_causes.MESSAGE)
        if quoted:
            found.append(quoted)
    return [replace(each, cause=replace(each.cause, source=code_causes.MESSAGE), line=0) for each in found]


def _preferred(found: Iterable[Found]) -> list[Found]:
    """A log proves more than a message that quotes it."""
    return [replace(each, certainty=each.certainty + 1) for each in found]


def _less(found: Found, points: int) -> Found:
    return replace(found, certainty=found.certainty - points)


def _distinct(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    kept: dict[str, Cause] = {}
    for cause in causes:
        kept.setdefault(cause.code, cause)
    return tuple(kept.values())


def _redacted(cause: Cause) -> Cause:
    """A script may print or name a secret in the very line that proves something."""
    return replace(cause, cause=redacted_text(cause.cause), proof=redacted_text(cause.proof))


def _unknown(code: str, evidence: Evidence) -> Cause:
    message = shown(evidence.message)
    named = f" Its code is {code}." if code else ""
    return Cause(
        "not-known",
        f"Azure gave a reason that is not known here.{named}" if message or code else "Azure gave no reason.",
        message,
        code_causes.MESSAGE if message else "",
        "Read the container's log. If it says nothing, give Azure's support the request id.",
    )
