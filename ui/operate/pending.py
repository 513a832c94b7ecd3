"""What a click has asked of Azure and no page waits for: the plan of a change, or its beginning."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from services.deploying.model import Job
from services.operating.change import Plan
from ui.behind import Behind, Look


@dataclass(frozen=True)
class Pending:
    """One question to Azure, asked once. ``words`` say what is waited for; ``decision`` is that of a person when it
    begins a job, "" otherwise.

    It belongs to the session: what was typed must not outlive it.
    """

    endpoint_id: str
    words: str
    ask: Callable[[], Plan | Job] = field(repr=False)
    decision: str = ""
    _behind: Behind[Plan | Job] = field(default_factory=Behind, repr=False)

    @property
    def is_beginning(self) -> bool:
        """Whether it begins a job."""
        return bool(self.decision)

    def look(self) -> Look[Plan | Job]:
        """The answer, if it is there. The first look asks."""
        return self._behind.look("", self.ask, max_age_seconds=math.inf)
