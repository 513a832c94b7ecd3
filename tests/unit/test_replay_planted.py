"""A comparison of two simulated deployments finds what was planted, and does not name what differs by itself."""

from __future__ import annotations

import json
import os
from collections import Counter
from random import Random

import pytest

from services.replay.outcome import Outcome
from services.replay.record import Item
from services.replay.replaying import Replay
from services.replay.report import Report, report
from services.scoring.request import ScoringRequest

RUNS = 1000 if os.environ.get("SLUICE_TEST_COUNTS") == "full" else 100
REQUESTS = 100
"""With so many requests the exact interval of 5 % holds the truth in 98.3 % of all sets."""
PLANTED = 0.05


def _simulate(seed: int, planted: float) -> Report:
    """One comparison. Of all inputs that could be sent, the candidate answers the share ``planted`` otherwise."""
    rng = Random(seed)
    items = [Item(str(number), ScoringRequest(str(rng.random()).encode())) for number in range(REQUESTS)]

    def ask(request: ScoringRequest) -> Outcome:
        is_other = request.deployment == "green" and float(request.body) < planted
        answer = {
            "label": "spam" if is_other else "ham",
            "score": rng.random(),
            "id": f"{rng.getrandbits(64):016x}",
            "mood": "odd" if rng.random() < 0.03 else "even",
            "server": rng.choice("ab"),
        }
        if rng.random() < 0.02:
            answer["warning"] = "slow"
        return Outcome("200", is_good=True, text=json.dumps(answer), document=answer, total_ms=1.0)

    replay = Replay(items, "blue", "green", ask, seed=seed, parallel=1)
    replay.run()
    return report(replay.record)


def test_a_planted_disagreement_lies_in_its_interval_and_no_random_field_is_named() -> None:
    found = [_simulate(seed, PLANTED) for seed in range(RUNS)]
    named = Counter(field.field for each in found for field in each.named)
    assert set(named) == {"$.label"}
    assert sum(each.share.holds(PLANTED) for each in found) >= 0.95 * RUNS


def test_two_equal_deployments_differ_in_nothing() -> None:
    found = [_simulate(seed, 0.0) for seed in range(RUNS // 2)]
    assert [each.named for each in found if each.named] == []
    assert all(each.different == 0 and each.share.value == 0 for each in found)


@pytest.mark.parametrize("seed", range(5))
def test_a_single_different_answer_is_asked_again_and_found(seed: int) -> None:
    found = _simulate(seed, 0.006)
    assert [field.field for field in found.named] == (["$.label"] if found.different else [])
