"""What a deployment's document says of its data collector, as far as the local Azure collects: payload logging.

The collections request and response are collected. Others are written by score.py itself with azureml-ai-monitoring
and are kept in the document alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.arm.context import Context
from emulator.arm.deployment_document import given
from emulator.arm.rules import RuleBroken
from emulator.arm.workspaces import datastore_container
from emulator.documents import Document
from emulator.scoring.gateway.collector import ROLLING
from emulator.scoring.model import Collecting

PAYLOADS = ("request", "response")
_WHAT = "dataCollector"


def collecting(context: Context, endpoint: str, deployment: str, document: Document) -> Collecting | None:
    """What is collected of a deployment, None when nothing is. Raises RuleBroken for settings that make no sense."""
    settings = given(document["properties"].get(_WHAT))
    collections = given(settings.get("collections"))
    rolling = str(settings.get("rollingRate") or "hour").lower()
    if rolling not in ROLLING:
        raise RuleBroken(f"{_WHAT}.rollingRate {rolling[:80]!r} is none of {', '.join(map(str.title, ROLLING))}.")
    rates = {name: _rate(name, given(one)) for name, one in collections.items()}
    wanted = {name: rate for name, rate in rates.items() if name in PAYLOADS and rate}
    if not wanted:
        return None
    place = context.place_of(endpoint)
    container = datastore_container(context, place)
    source = place.deployment_id(endpoint, deployment)
    return Collecting(source, container, context.addresses.container(container), wanted, rolling)


def _rate(name: str, one: Mapping[str, Any]) -> float:
    """The share of requests that go into a collection, 0 when it is off."""
    what = f"{_WHAT}.collections.{name[:80]}"
    mode = str(one.get("dataCollectionMode") or "Disabled").lower()
    if mode not in ("enabled", "disabled"):
        raise RuleBroken(f"{what}.dataCollectionMode {mode[:80]!r} is neither Enabled nor Disabled.")
    rate = one.get("samplingRate", 1.0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise RuleBroken(f"{what}.samplingRate {str(rate)[:80]!r} is no number from 0 to 1.")
    return float(rate) if mode == "enabled" else 0.0
