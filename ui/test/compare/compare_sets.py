"""The requests of a comparison: from the library, a file, or the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random

from services.model import Endpoint
from services.payloads import variables
from services.payloads.imported import Imported
from services.payloads.payload import Payload
from services.replay.record import Item
from services.replay.replaying import MOST_ITEMS
from services.scoring.request import ScoringRequest
from ui import context

_PAGE = 200
NO_TAG = "All payloads"


def from_payloads(
    endpoint: Endpoint, payloads: Iterable[Payload], seed: int, more: dict[str, str] | None = None
) -> list[Item]:
    """Saved or imported payloads with their variables put in, once: every deployment is sent the same bytes.

    ``more`` are variables that came with a file; those of the endpoint go before. Raises RuleBroken for a variable
    without a value, StoreFailed.
    """
    values, now = {**(more or {}), **context.library().variables(endpoint.id)}, datetime.now(UTC)
    rng = Random(seed)  # noqa: S311 - values for tests, not secrets
    return [Item(each.name, variables.filled(each.request(), values, now=now, rng=rng)) for each in payloads]


def from_import(endpoint: Endpoint, found: Imported, seed: int) -> list[Item]:
    """The payloads of a file. Raises RuleBroken, StoreFailed."""
    return from_payloads(endpoint, found.payloads, seed, dict(found.variables))


def from_history(endpoint: Endpoint, text: str, most: int) -> list[Item]:
    """The newest ``most`` requests whose bodies are kept and that fit the search, each once. Raises StoreFailed."""
    history, found, before = context.history(), dict[tuple[object, ...], Item](), None
    while len(found) < min(most, MOST_ITEMS):
        page = history.search(endpoint.id, text, limit=_PAGE, before=before)
        for listed in page.exchanges:
            whole = history.get(listed.id, of=endpoint.id) if listed.has_request_body else None
            if whole is not None and len(found) < most:
                sent = whole.request
                # A header whose value was too secret to be kept would only be sent empty.
                headers = tuple((name, value) for name, value in sent.headers if value)
                request = ScoringRequest(sent.body, sent.content_type, headers, None, sent.timeout_seconds)
                name = whole.payload or f"sent {whole.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
                found.setdefault((sent.body, sent.content_type, headers), Item(name, request))
        before = page.next
        if before is None:
            break
    return list(found.values())


def tags_of(payloads: Iterable[Payload]) -> list[str]:
    """The tags that can be chosen."""
    return sorted({tag for payload in payloads for tag in payload.tags})
