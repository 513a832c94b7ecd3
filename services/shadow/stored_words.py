"""What is said of stored answers: what has to be switched on, what a reading was made of, what was left out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from services.azure.collected import REQUEST, RESPONSE, Collector, collector_of
from services.model import Deployment
from services.shadow.model import Run
from services.shadow.stored_pairs import Kept, Pairing


def missing(deployments: Sequence[Deployment], run: Run) -> tuple[str, ...]:
    """What has to be switched on before stored answers can be compared, in sentences; none when all is on. Pure."""
    found = []
    for name in (run.pair.live, run.pair.candidate):
        set_to = next((collector_of(each.raw) for each in deployments if each.name == name), None)
        if set_to is None:
            found.append(f"{name} is not there any more.")
        elif not set_to.is_on:
            lacks = [each for each in (REQUEST, RESPONSE) if not getattr(set_to, each)]
            found.append(
                f"{name} does not store its {' and '.join(each + 's' for each in lacks)}: switch the collections "
                f"{REQUEST} and {RESPONSE} on under data_collector of its deployment file, before a shadow test begins."
            )
    return tuple(found)


def sampled(deployments: Sequence[Deployment], run: Run) -> str:
    """What share of requests the collectors of both store, in a sentence; "" when it is all. Pure."""
    rates = {
        each.name: _share(collector_of(each.raw))
        for each in deployments
        if each.name in (run.pair.live, run.pair.candidate)
    }
    told = [f"{name} stores {100 * rate:g} % of its requests" for name, rate in rates.items() if rate < 1]
    return f"{', '.join(told)}, so many have no partner." if told else ""


def told_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """What a reading of stored answers was made of, in sentences: its n, how it was paired, what is left out. Pure."""
    stored = content.get("stored")
    if not stored:
        return ()
    live, candidate = content.get("live", "live"), content.get("candidate", "candidate")
    pairs = (
        f"{stored['live']:,} requests stored by {live} and {stored['candidate']:,} by {candidate} gave "
        f"{stored['pairs']:,} pairs by {stored['by']}, of {stored['payloads']:,} payloads not counted before."
    )
    repeated = f"{live} answered {stored['repeated']:,} of them more than once, which shows what differs by itself."
    once = f"{live} answered each of them once, so nobody knows what differs by itself."
    sentences = [pairs, repeated if stored["repeated"] else once]
    if stored["once_differ"]:
        fields = ", ".join(f"{field} ({count:,})" for field, count in stored["once_differ"].items())
        sentences.append(
            f"Among the payloads that {live} answered once, these fields differ: {fields}. They speak against PASS and "
            "not for FAIL; put those payloads to both under Compare answers to know."
        )
    if stored["left_out"]:
        out = ", ".join(f"{count:,} {why}" for why, count in stored["left_out"].items())
        sentences.append(f"Left out: {out}.")
    return tuple(sentences)


def nothing(run: Run, live: Kept, candidate: Kept, pairing: Pairing, *, is_elsewhere: bool) -> str:
    """Why a reading has nothing new, in a sentence or two. ``is_elsewhere`` says that a collection names data of its
    own. Pure.
    """
    pair = run.pair
    if pairing.units:
        return "All stored payloads have been counted in this shadow test: they say nothing new."
    lacking = [name for name, arm in ((pair.live, live), (pair.candidate, candidate)) if not arm.stored]
    if lacking:
        names = " and ".join(lacking)
        other = " A collection names a data asset, and only the collector's default place is read." * is_elsewhere
        said = f"Nothing is stored yet of what {names} answered since the start."
        return f"{said} Collectors write in batches: read later.{other}"
    out = ", ".join(f"{count:,} {why}" for why, count in left_out(pairing, (live, candidate)).items())
    return f"No stored answer of {pair.candidate} has a partner. Left out: {out}."


def left_out(pairing: Pairing, arms: tuple[Kept, Kept]) -> dict[str, int]:
    """How many requests of both are in no unit, by why; the most first. Pure."""
    total: Counter[str] = Counter(pairing.left_out)
    for arm in arms:
        total.update(arm.left_out)
    return {why: count for why, count in total.most_common() if count}


def _share(set_to: Collector) -> float:
    return min(set_to.request, set_to.response)
