"""One thing that is expected of an answer. A value: judging is in :mod:`services.expectations.judging`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["status", "time", "path", "schema", "length", "text"]


@dataclass(frozen=True)
class Expectation:
    """What is expected.

    * ``status``: ``value`` is the status, or a list of statuses.
    * ``time``: ``value`` is the longest total time in milliseconds.
    * ``path``: what the RFC 9535 JSONPath ``path`` finds; ``rule`` is ``equals``, ``within`` (a number ``value``
      give or take ``tolerance``), ``in`` (``value`` is a list) or ``exists``.
    * ``schema``: ``value`` is a JSON Schema that the answer, or what ``path`` finds, keeps to.
    * ``length``: the number of items or characters of the answer, or of what ``path`` finds; ``rule`` is ``equals``,
      ``at_least`` or ``at_most``.
    * ``text``: ``value`` is the whole text of the answer, but for white space around it.

    A ``path`` may find several values; then every one of them is expected to keep to the rule. The length of what a
    path finds that can find several (``$.rows[*]``) is how many it finds.
    """

    kind: Kind
    value: Any = None
    path: str = ""
    rule: str = ""
    tolerance: float = 0.0
