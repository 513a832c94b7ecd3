"""Send a set of payloads and judge what comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Any

from services.azure.connection import Connection
from services.errors import RuleBroken, SluiceError, Stopped
from services.expectations.expectation import Expectation
from services.expectations.judging import Verdict, expected_answer, judge, unanswered
from services.expectations.words import describe
from services.model import Endpoint
from services.payloads.payload import Payload
from services.payloads.variables import filled
from services.scoring.sending import send

KIND = "expectations"
"""The kind of these runs among the results."""
MOST_PARALLEL = 32
_BODY_KINDS = frozenset({"path", "schema", "text"})
"""Expectations whose verdicts hold values of the answer."""


@dataclass(frozen=True)
class Case:
    """A payload with what is expected of its answer."""

    payload: Payload
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True)
class CaseResult:
    """What came of case ``number`` (from 1). ``status`` is None when no answer came; ``failure`` says why, "" else."""

    number: int
    name: str
    verdicts: tuple[Verdict, ...]
    status: int | None
    failure: str
    deployment: str | None
    total_ms: float | None
    request_id: str | None

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return all(each.passed for each in self.verdicts)


@dataclass(frozen=True)
class Target:
    """Where a set goes: to one deployment, or through the split when ``deployment`` is None."""

    conn: Connection
    endpoint: Endpoint
    deployment: str | None = None


@dataclass
class Run:
    """A set on its way. ``results`` grows in the order in which answers come; any thread may read it."""

    target: Target
    cases: tuple[Case, ...]
    variables: Mapping[str, str]
    parallel: int = 4
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    results: list[CaseResult] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event, repr=False)
    _stopped: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing is on its way any more."""
        return self.over.is_set()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has stopped it."""
        return self._stopped.is_set()

    @property
    def passed(self) -> bool:
        """Whether every case was sent and passed."""
        return len(self.results) == len(self.cases) and all(each.passed for each in self.results)

    def stop(self) -> None:
        """Send nothing more, and give up what is on its way."""
        self._stopped.set()

    def perform(self, on_result: Callable[[CaseResult], None] = lambda _: None, rng: Random | None = None) -> None:
        """Send everything and judge it; returns when it is over. ``on_result`` is called from several threads."""
        chance = rng or SystemRandom()

        def one(number: int, case: Case) -> None:
            found = None if self.is_stopped else self._judged(number, case, chance)
            if found is not None:
                self.results.append(found)
                on_result(found)

        try:
            with ThreadPoolExecutor(max(1, min(self.parallel, MOST_PARALLEL)), "expectations") as pool:
                try:
                    list(pool.map(one, range(1, len(self.cases) + 1), self.cases))
                except BaseException:
                    # Ctrl+C, too: the pool would wait for all that it was given.
                    self.stop()
                    raise
        finally:
            self.over.set()

    def _judged(self, number: int, case: Case, rng: Random) -> CaseResult | None:
        """None when it was stopped on its way."""
        name = case.payload.name
        request = case.payload.request(self.target.deployment)
        try:
            request = filled(request, self.variables, now=datetime.now(UTC), rng=rng)
            answer = send(self.target.conn, self.target.endpoint, request, is_stopped=self._stopped.is_set)
        except Stopped:
            return None
        except SluiceError as error:
            verdicts = unanswered(case.expectations, error.why)
            return CaseResult(
                number, name, verdicts, None, f"{error.why} {error.next_step}", None, None, error.request_id
            )
        verdicts = judge(case.expectations, answer)
        return CaseResult(
            number, name, verdicts, answer.status, "", answer.deployment, answer.total_ms, answer.request_id
        )


def cases_of(payloads: Sequence[Payload]) -> tuple[Case, ...]:
    """The payloads that expect something, with all that they expect; an expected answer comes last."""
    found = []
    for payload in payloads:
        whole = (expected_answer(payload.expected_answer),) if payload.expected_answer.strip() else ()
        if payload.expectations or whole:
            found.append(Case(payload, (*payload.expectations, *whole)))
    return tuple(found)


def check_deployment(deployment: str | None, names: Sequence[str]) -> None:
    """Raise RuleBroken when the set cannot go to ``deployment``; ``names`` are those that there are."""
    what = "The set was not run."
    if not names:
        raise RuleBroken(what, "The endpoint has no deployment that could answer.", "Deploy a model first.")
    if deployment is not None and deployment not in names:
        raise RuleBroken(what, f"There is no deployment named {deployment}.", f"Choose one of {', '.join(names)}.")


def content_of(run: Run, *, keeps_bodies: bool) -> dict[str, Any]:
    """A run as JSON, its cases in their order. Without ``keeps_bodies`` no value of an answer is in it."""
    results = sorted(run.results, key=lambda each: each.number)
    return {
        "endpoint": run.target.endpoint.name,
        "deployment": run.target.deployment,
        "began_at": run.began_at.isoformat(),
        "planned": len(run.cases),
        "passed": sum(each.passed for each in results),
        "failed": sum(not each.passed for each in results),
        "is_stopped": run.is_stopped,
        "cases": [_case_content(each, keeps_bodies=keeps_bodies) for each in results],
    }


def _case_content(result: CaseResult, *, keeps_bodies: bool) -> dict[str, Any]:
    return {
        "name": result.name,
        "passed": result.passed,
        "status": result.status,
        "failure": result.failure,
        "deployment": result.deployment,
        "total_ms": result.total_ms,
        "request_id": result.request_id,
        "verdicts": [_verdict_content(each, keeps_bodies=keeps_bodies) for each in result.verdicts],
    }


def _verdict_content(verdict: Verdict, *, keeps_bodies: bool) -> dict[str, Any]:
    expected = describe(verdict.expectation)
    found, words = verdict.found, verdict.words
    if not keeps_bodies and verdict.expectation.kind in _BODY_KINDS:
        found, words = "", f"{expected}." if verdict.passed else f"{expected}: it is not so."
    return {"expected": expected, "passed": verdict.passed, "found": found, "words": words}
