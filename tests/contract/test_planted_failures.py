"""Deployments that really fail on the local Azure: the first cause that is named is the right one, with its proof."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.deploying.diagnosis import diagnose
from services.deploying.model import Evidence
from tests.contract.planted_failures import PLANTED, plant, remove
from tests.deployable import create_endpoint
from tests.local_azure import LocalAzure

pytestmark = pytest.mark.emulator

ENDPOINT = "planted-failures"
FEW = ("import", "path", "package", "quota", "size")
MANY = tuple(name for name in PLANTED if name not in FEW)
AT_ONCE = 6


@pytest.fixture(scope="module")
def azure(local_azure: LocalAzure) -> Iterator[LocalAzure]:
    assert create_endpoint(local_azure, ENDPOINT).ok
    yield local_azure
    local_azure.finish(local_azure.arm("DELETE", f"onlineEndpoints/{ENDPOINT}"))


@pytest.fixture(scope="module")
def few(azure: LocalAzure) -> dict[str, Evidence]:
    """What is told of the failures that every run of the tests plants."""
    return plant(azure, ENDPOINT, FEW)


@pytest.fixture(scope="module")
def many(azure: LocalAzure, few: dict[str, Evidence]) -> dict[str, Evidence]:
    """What is told of all the failures."""
    found = dict(few)
    for names in (MANY[begin : begin + AT_ONCE] for begin in range(0, len(MANY), AT_ONCE)):
        found |= plant(azure, ENDPOINT, names)
        remove(azure, ENDPOINT, names)
    return found


def named(found: dict[str, Evidence], name: str) -> tuple[str, bool]:
    """The code of the first cause, and whether its line proves it."""
    first = diagnose(found[name])[0]
    return first.code, PLANTED[name].proof in first.proof


@pytest.mark.parametrize("name", FEW)
def test_the_first_cause_is_the_right_one(few: dict[str, Evidence], name: str) -> None:
    assert named(few, name) == (PLANTED[name].cause, True), diagnose(few[name])


@pytest.mark.long
def test_of_all_planted_failures_at_most_one_is_explained_wrongly(many: dict[str, Evidence]) -> None:
    told = {name: named(many, name) for name in PLANTED}
    wrong = {name: cause for name, cause in told.items() if cause != (PLANTED[name].cause, True)}
    assert len(PLANTED) >= 12
    assert len(wrong) <= 1, wrong
