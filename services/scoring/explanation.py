"""Why a request failed, what the numbers say, and what to do next: the card below a failed answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.azure.connection import Connection
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from services.scoring.answer import Answer
from services.scoring.request import ScoringRequest


@dataclass(frozen=True)
class Explanation:
    """One failure explained. Every text is plain: no HTML, no Markdown, no key.

    ``numbers`` are pairs of a label and a value with its unit. ``log_lines`` are the lines of the container log that
    belong to the request, "" when there are none; ``log_note`` says how they were found or why there are none, "" when
    no log would help. ``next_steps`` come with the likeliest help first.
    """

    title: str
    cause: str
    numbers: tuple[tuple[str, str], ...] = ()
    log_lines: str = ""
    log_note: str = ""
    next_steps: tuple[str, ...] = ()


def explain(
    conn: Connection,
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    request: ScoringRequest,
    outcome: Answer | SluiceError,
) -> Explanation | None:
    """What to show for ``outcome``, None for a good answer and for a failure whose own words say everything.

    Reads the container log when it may hold the reason, which takes one request to Azure. Never raises a SluiceError.
    """
    if isinstance(outcome, SluiceError) or outcome.is_good:
        return None
    return Explanation(f"Status {outcome.status}", outcome.meaning)
