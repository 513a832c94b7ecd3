"""One thing that is expected of an answer. A value: judging is in :mod:`services.expectations.judging`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["status", "time", "path", "schema", "length"]


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
    """

    kind: Kind
    value: Any = None
    path: str = ""
    rule: str = ""
    tolerance: float = 0.0
