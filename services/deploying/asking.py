"""Questions to Azure, asked side by side, none of which is waited for without end.

A thread that waits for an answer cannot be stopped. One whose answer comes too late is left to itself: it ends with the
connection's own limits, and nobody looks at what it brings.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from services.deploying.model import Place
from services.errors import SluiceError, Timeout

LIMIT_SECONDS, ALL_SECONDS = 15.0, 40.0
"""How long one question is waited for, and all of them together: Azure answers each in a second or two."""
_MORE_SECONDS = 25.0
"""How much longer than one question all of them may take: some are asked with the answers of others."""
_AT_ONCE = 12
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, eq=False)
class Question:
    """Something that Azure is asked. ``subject`` says what for people, ``place`` is what in the files it is about.

    ``read`` raises SluiceError when it cannot be told. ``else_unknown`` is what its answer is needed for besides.
    """

    subject: str
    place: Place
    read: Callable[[], Any] = field(repr=False)
    else_unknown: str = ""


@dataclass(frozen=True)
class Gap:
    """A question without an answer, and why."""

    question: Question
    error: SluiceError

    @property
    def is_late(self) -> bool:
        """Whether Azure has only not answered in time."""
        return isinstance(self.error, Timeout)


class Asking:
    """The questions of one check. For one thread, which asks and takes the answers. Without limits of its own it has
    LIMIT_SECONDS and ALL_SECONDS; with a longer one for each question, all together have longer too."""

    def __init__(
        self,
        limit_seconds: float | None = None,
        all_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = LIMIT_SECONDS if limit_seconds is None else limit_seconds
        self._all_seconds = max(ALL_SECONDS, self._limit + _MORE_SECONDS) if all_seconds is None else all_seconds
        self._clock, self._end = clock, clock() + self._all_seconds
        self._waiting: deque[Question] = deque()
        self._asked: dict[Question, float] = {}
        self._answers: SimpleQueue[tuple[Question, Any]] = SimpleQueue()

    @property
    def open(self) -> tuple[str, ...]:
        """What is still being asked, for people."""
        return tuple(dict.fromkeys(each.subject for each in (*self._asked, *self._waiting)))

    def ask(self, question: Question) -> Question:
        """Ask it as soon as there is room."""
        self._waiting.append(question)
        self._begin()
        return question

    def answers(self) -> Iterator[tuple[Question, Any] | None]:
        """Each question with its answer or its :class:`Gap`, as they come, until none is open; None when nothing has
        come for a moment. What ``read`` raises besides SluiceError is raised here."""
        while self._asked or self._waiting:
            try:
                question, answer = self._answers.get(timeout=_LOOK_SECONDS)
            except Empty:
                late = list(self._late())
                yield from late
                if not late:
                    yield None
                continue
            if self._asked.pop(question, None) is None:
                # It was given up already.
                continue
            self._begin()
            if isinstance(answer, SluiceError):
                answer = Gap(question, answer)
            elif isinstance(answer, BaseException):
                raise answer
            yield question, answer

    def _begin(self) -> None:
        while self._waiting and len(self._asked) < _AT_ONCE:
            question = self._waiting.popleft()
            self._asked[question] = self._clock() + self._limit
            threading.Thread(target=self._read, args=(question,), name="deploy-question", daemon=True).start()

    def _read(self, question: Question) -> None:
        try:
            answer = question.read()
        except Exception as error:
            # Whoever asks raises it: a question without an answer would be waited for.
            answer = error
        self._answers.put((question, answer))

    def _late(self) -> Iterator[tuple[Question, Any]]:
        """Give up what was asked too long ago, and everything when all of it has taken too long."""
        now = self._clock()
        if now >= self._end:
            late, seconds = [*self._asked, *self._waiting], self._all_seconds
            self._asked.clear()
            self._waiting.clear()
        else:
            late, seconds = [each for each, until in self._asked.items() if now >= until], self._limit
            for each in late:
                del self._asked[each]
            self._begin()
        for each in late:
            what = f"Azure did not answer within {seconds:g} s."
            yield each, Gap(each, Timeout(what, "It may be slow or not reachable just now.", "Check again."))
