"""One failed request with everything that is known around it, and the card that explains it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.model import Deployment, Endpoint
from services.scoring.answer import Answer
from services.scoring.request import JSON, ScoringRequest


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


@dataclass(frozen=True)
class Place:
    """Where a request went, as far as that is known. ``said`` is the deployment that the answer names."""

    endpoint: Endpoint
    deployments: Sequence[Deployment]
    request: ScoringRequest
    said: str | None = None

    @property
    def name(self) -> str | None:
        """The deployment that took the request: the one it names or is pinned to, or the only live one."""
        live = self.endpoint.split.live
        return self.said or self.request.deployment or (next(iter(live)) if len(live) == 1 else None)

    @property
    def deployment(self) -> Deployment | None:
        """That deployment as it was last read, None when it is not known."""
        return next((each for each in self.deployments if each.name.lower() == (self.name or "").lower()), None)

    @property
    def the_deployment(self) -> str:
        """How a sentence speaks of it."""
        return self.name or "the deployment"

    @property
    def subject(self) -> str:
        """How a sentence begins with it."""
        return self.name or "The deployment"

    def timeout_number(self) -> tuple[str, str]:
        """The deployment's request_timeout_ms as a number of a card."""
        found = self.deployment
        return f"request_timeout_ms of {self.the_deployment}", ms(found.request_timeout_ms) if found else NOT_KNOWN


@dataclass(frozen=True)
class Case:
    """An answer that is not good, and where it came from."""

    place: Place
    answer: Answer

    @property
    def is_page(self) -> bool:
        """Whether an HTML page came where JSON was expected."""
        begin = self.answer.body[:256].lstrip().lower()
        is_html = self.answer.content_type in ("text/html", "application/xhtml+xml")
        return is_html or (self.place.request.content_type.startswith(JSON) and begin.startswith(_PAGES))

    @property
    def is_foreign(self) -> bool:
        """Whether nothing in the answer is Azure Machine Learning's own: a proxy may have answered instead."""
        return not any(name.startswith(_OWN) for name in self.answer.headers)

    @property
    def words(self) -> str:
        """A short plain answer, such as Azure gives with a refusal; "" for any other."""
        text = self.answer.text.strip()
        is_short = 0 < len(text) <= _MOST_WORDS and text.isprintable()
        return text if is_short and self.answer.content_type in ("text/plain", "") else ""


_PAGES = (b"<!doctype html", b"<html")
_OWN = ("azureml-", "ms-azureml-", "x-ms-")
_MOST_WORDS = 200
NOT_KNOWN = "not known"
NOT_SAID = "not said"


def ms(value: float | None) -> str:
    """Milliseconds for a card, ``not said`` when nobody said them."""
    if value is None:
        return NOT_SAID
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def shares(endpoint: Endpoint) -> str:
    """The live split of an endpoint for a card."""
    return ", ".join(f"{name} {percent} %" for name, percent in endpoint.split.live.items()) or "none"
