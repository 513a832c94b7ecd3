"""Which deployments nobody uses, with the evidence. Pure: documents, metrics and the time go in.

Nothing is called idle that is not known to be: a part of the metrics that is missing, a deployment that is too new, and
one that has live or mirrored traffic assigned are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.metrics.series import points
from services.model import Series, Window
from services.quota.ledger import Holding


class Use(StrEnum):
    """What is known of the use of a deployment."""

    USED = "used"
    IDLE = "idle"
    UNASKED = "no requests"
    TOO_NEW = "too new"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Evidence:
    """The use of one deployment, the sentence that shows it, and when the last request came, as far as it was read."""

    use: Use
    words: str
    last_request_at: datetime | None = None


def evidence(holding: Holding, series: Sequence[Series], notes: Sequence[str], window: Window) -> Evidence:
    """What ``window`` of a deployment's own request metric and its endpoint's split say of its use.

    ``series`` are those of this deployment, ``notes`` say what is missing of the answer that they are from.
    """
    days = round((window.end_at - window.start_at).total_seconds() / 86_400)
    span = f"{days} days" if days != 1 else "24 hours"
    last = max((at for one in series for at, value in points(one) if value > 0), default=None)
    if last is not None:
        return Evidence(Use.USED, f"Its last request came in the hour from {last:%Y-%m-%d %H:%M} UTC.", last)
    if notes:
        return Evidence(Use.NOT_KNOWN, f"Its metrics could not be read whole. {notes[0]}")
    created = holding.deployment.created_at
    if created is None:
        return Evidence(Use.NOT_KNOWN, f"Azure counts no request in {span} and does not say when it was made.")
    if created > window.start_at:
        return Evidence(Use.TOO_NEW, f"Azure counts no request since it was made, {created:%Y-%m-%d %H:%M} UTC.")
    counted = f"Azure counts no request in the {span} until {window.end_at:%Y-%m-%d %H:%M} UTC"
    split, name = holding.endpoint.split, holding.deployment.name
    if split.live_percent(name):
        return Evidence(Use.UNASKED, f"{counted}, though {split.live_percent(name)} % of live traffic goes to it.")
    if split.mirror_target == name:
        return Evidence(Use.UNASKED, f"{counted}, though {split.mirror_percent} % is mirrored to it.")
    return Evidence(Use.IDLE, f"{counted}, and it has neither live nor mirrored traffic.")
