"""The first lines of the Quota page: what is free, idle and failed, and what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.azure.usages import Usage, VmSize
from services.model import Window
from services.quota.idle import Evidence, Use
from services.quota.ledger import families, holdings, total
from services.quota.reading import Overview
from tests.values import deployments, endpoint
from ui.quota import summary

DS3 = VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 0, 14.0)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = ("blue", "green", "grey", "old")


def overview(*uses: Use, usages: tuple[Usage, ...] = (), has_quota: bool = True, state: str = "Succeeded") -> Overview:
    """Deployments of one endpoint with one instance each, used as told."""
    names = NAMES[: len(uses)]
    held = holdings((DS3,), [(endpoint(), [replace(each, state=state) for each in deployments(*names)])])
    known = {each.deployment.id.lower(): Evidence(use, "") for each, use in zip(held, uses, strict=True)}
    window = Window(NOW - timedelta(days=7), NOW, 3600)
    found = families(usages, held)
    return Overview("s", "westeurope", (), found, (DS3,), held, known, window, (), has_quota, total(usages, held))


def said(made: Overview) -> list[tuple[str, str]]:
    return [(each.label, each.value) for each in (*summary.free(made), summary.idle(made), *summary.failed(made))]


def test_what_is_free_is_said_of_the_fullest_first_and_of_all_together_where_that_is_limited() -> None:
    usages = (
        Usage("standardDSv2Family", 20, 100),
        Usage("standardFSv2Family", 30, 40),
        Usage("Unlimited", 8, None),
        Usage("standardESv3Family", 10, 10),
        Usage("unused", 0, 100),
    )
    made = overview(Use.USED, usages=(*usages, Usage("Total", 68, 80, True)))
    assert said(made) == [
        ("Free, all families", "12 of 80 cores"),
        ("Free, standardESv3Family", "0 of 10 cores"),
        ("Free, standardFSv2Family", "10 of 40 cores"),
        ("Free, standardDSv2Family", "80 of 100 cores"),
        ("More families", "1, with more room"),
        ("Idle", "none"),
    ]
    assert [each.tone for each in summary.free(made)] == ["", "bad", "", "", ""]
    assert ("Free, all families", "no limit") not in said(overview(usages=(Usage("Total", 68, None, True),)))


def test_what_could_not_be_read_is_not_taken_for_nothing() -> None:
    assert said(overview(Use.NOT_KNOWN, has_quota=False)) == [
        ("Cores free", "not known"),
        ("Idle", "none; 1 not known"),
    ]
    assert said(overview(usages=(Usage("unused", 0, 100),))) == [("Cores free", "all: none is used"), ("Idle", "none")]


def test_deployments_that_could_not_be_read_are_not_taken_for_used() -> None:
    assert said(replace(overview(), has_all_deployments=False))[-1] == ("Idle", "not known")
    made = replace(overview(Use.USED, Use.NOT_KNOWN), has_all_deployments=False)
    assert said(made)[-1] == ("Idle", "none; 1 not known; not all deployments could be read")


def test_the_idle_and_the_failed_are_named_with_the_cores_that_they_hold() -> None:
    made = overview(Use.IDLE, Use.IDLE, Use.IDLE, Use.USED, state="Failed")
    assert said(made)[-2:] == [
        ("Idle", "digits/blue, digits/green and 1 more (24 cores)"),
        ("Failed", "digits/blue, digits/green and 2 more (32 cores)"),
    ]
