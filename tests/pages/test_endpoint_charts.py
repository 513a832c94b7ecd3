"""Cards of small charts: what is drawn, what is not known, and in which order."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from services.fleet.fleet import Member
from services.fleet.fleet_hour import Hour, Minutes
from services.fleet.fleet_numbers import Numbers
from services.metrics import Summary
from services.model import Window, WorkspaceRef
from tests.values import endpoint
from ui.components.multiples import Card
from ui.components.table import View
from ui.fleet import endpoint_charts, endpoint_table
from ui.fleet.endpoint_table import Listing

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOME = WorkspaceRef("11111111-1111-4111-8111-111111111111", "group", "home")
LISTING = Listing(HOME, NOW, has_many=False)
SOME: Minutes = (None, 4.0, 5.0)
NONE: Minutes = (None, 0.0, 0.0)


def member(name: str = "shop") -> Member:
    found = endpoint({"blue": 100}, {"green": 10}, name=name)
    return Member(dataclasses.replace(found, id=f"{HOME.id}/onlineEndpoints/{name}", modified_at=NOW), (), None)


def numbers(rate: float | None = 5.0, percent: float | None = 0.0, refused: Minutes = NONE) -> Numbers:
    hour = Hour(NOW, SOME, NONE, refused, {"blue": SOME, "green": SOME})
    return Numbers(Summary(rate, 20.0, percent, Window(NOW, NOW, 60)), hour, False, None)


def drawn(made: Card) -> list[list[tuple[str, str]]]:
    return [[(curve.name, curve.tone) for curve in plot.curves] for plot in made.plots]


def test_a_card_has_a_line_for_each_deployment_and_each_kind_of_failure() -> None:
    made = endpoint_charts.card(member(), numbers(refused=SOME), LISTING)
    assert drawn(made) == [
        [("blue", ""), ("green, mirror", "")],
        [("requests", "plain")],
        [("server", "bad"), ("client", "busy")],
    ]
    assert [plot.words for plot in made.plots] == ["20.0 ms", "5.0 /min", "0 %"]
    assert made.href == "metrics?endpoint=shop"
    assert drawn(endpoint_charts.card(member(), numbers(), LISTING))[2] == [("server", "bad")]


def test_what_is_still_being_read_is_not_missing() -> None:
    coming = endpoint_charts.card(member(), None, LISTING, is_counting=True)
    assert [plot.words for plot in coming.plots] == ["reading…"] * 3
    missing = endpoint_charts.card(member(), None, LISTING)
    assert [plot.words for plot in missing.plots] == ["no data"] * 3
    assert drawn(missing) == [[], [], []]


def test_the_unknown_comes_last_and_equals_by_name() -> None:
    members = [member(name) for name in ("b", "none", "a", "c", "unread")]

    def percent(value: float | None) -> Numbers:
        return numbers(percent=value)

    known = {
        each.endpoint.id.lower(): made
        for each, made in zip(members[:4], map(percent, (1.0, None, 0.0, 9.0)), strict=True)
    }

    def names(order: str) -> list[str]:
        return [each.endpoint.name for each in endpoint_charts.ordered(members, known, order)]

    assert names("-errors") == ["c", "b", "a", "none", "unread"]
    assert names("-requests") == ["a", "b", "c", "none", "unread"]
    assert names("name") == names("") == ["a", "b", "c", "none", "unread"]


def test_a_card_is_found_by_what_its_row_in_the_table_says() -> None:
    pairs = [(each, endpoint_table.row(each, None, LISTING)) for each in (member("shop"), member("till"))]

    def found(view: View) -> list[str]:
        return [each.endpoint.name for each in endpoint_charts.chosen(pairs, view)]

    assert found(View()) == ["shop", "till"]
    assert found(View("SHOP blue")) == ["shop"]
    assert found(View("shop till")) == []
    assert found(View("", ("failed",))) == []
