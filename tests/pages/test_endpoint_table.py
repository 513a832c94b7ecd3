"""Rows of the list of endpoints: what is known, what is not, and what is still being read."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from services.fleet.fleet import FleetView, Member, Scope
from services.fleet.fleet_hour import Hour
from services.fleet.fleet_numbers import Numbers
from services.metrics import Summary
from services.model import Deployment, Endpoint, Split, Window, WorkspaceRef
from services.statuses import DEFAULT_SETS
from tests.values import deployments as made_of
from tests.values import endpoint
from ui.components.table import Row
from ui.fleet import endpoint_list, endpoint_table
from ui.fleet.fleet_view import Seen

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOME = WorkspaceRef("11111111-1111-4111-8111-111111111111", "group", "home")
SHOP = dataclasses.replace(
    endpoint({"blue": 70, "green": 30}, {"red": 10}, name="shop"),
    id=f"{HOME.id}/onlineEndpoints/shop",
    modified_at=NOW,
)
HOUR = Hour(NOW, (None, 1.0, 2.0), (None, 0.0, 0.0), (None, 0.0, 1.0), {"blue": (None, 40.0, None)})
NUMBERS = Numbers(Summary(12.34567, 40.0, 0.0, Window(NOW, NOW, 60)), HOUR, False, None)


def row(
    shop: Endpoint = SHOP,
    deployments: tuple[Deployment, ...] | None = (),
    numbers: Numbers | None = NUMBERS,
    *,
    home: WorkspaceRef = HOME,
    has_many: bool = False,
    is_counting: bool = False,
) -> Row:
    listing = endpoint_table.Listing(home, NOW, has_many=has_many)
    made = endpoint_table.row(Member(shop, deployments, None), numbers, listing, is_counting=is_counting)
    assert len(made.cells) == len(endpoint_table.columns(listing, DEFAULT_SETS))
    return made


def texts(made: Row) -> list[str]:
    return [cell.text for cell in made.cells]


def test_a_split_is_a_bar_with_its_words_and_numbers_have_units() -> None:
    made = row()
    assert texts(made)[2:7] == ["blue 70 %, green 30 %", "10 % to red", "12.3 /min", "40.0 ms", "0 %"]
    assert [(share.name, share.percent) for share in made.cells[2].shares] == [("blue", 70), ("green", 30)]
    assert made.cells[4].spark == (None, 1.0, 2.0)
    assert made.cells[4].to_json()["sort"] == 12.346


def test_what_is_not_known_is_not_none_and_not_what_is_still_being_read() -> None:
    assert texts(row(deployments=None, numbers=None))[4:8] == ["no data", "no data", "no data", "reading…"]
    assert texts(row(deployments=(), numbers=None, is_counting=True))[4:8] == ["reading…", "reading…", "reading…", "0"]
    assert "sort" not in row(numbers=None).cells[4].to_json(), "unknown numbers stay at the end of any order"


def test_instances_are_those_of_all_deployments() -> None:
    made = row(deployments=tuple(made_of("blue", "green", of="shop")))
    assert made.cells[7].text == "2"
    assert made.cells[7].title == "blue: 1 × Standard_DS3_v2, green: 1 × Standard_DS3_v2"


def test_a_kubernetes_endpoint_is_marked() -> None:
    assert row(dataclasses.replace(SHOP, is_kubernetes=True)).cells[0].note == "Kubernetes, read only"


def test_the_workspace_stands_beside_the_name_when_there_are_several() -> None:
    assert texts(row(has_many=True))[1] == "home"
    assert texts(row())[-2] == "home"
    assert row().href == "overview?endpoint=shop"
    other = dataclasses.replace(HOME, name="other")
    assert row(home=other).href == f"overview?endpoint=shop&workspace={HOME.subscription_id}%2Fgroup%2Fhome"


def test_text_of_users_is_searched_and_stays_text() -> None:
    made = row(dataclasses.replace(SHOP, description="<b>x</b>", tags={"team": "*shop*"}))
    assert "<b>x</b>" in made.also
    assert "team=*shop*" in made.also
    assert made.cells[0].title == "<b>x</b>"


def test_every_reason_to_look_is_a_mark_and_a_sentence() -> None:
    made = row(dataclasses.replace(SHOP, state="Failed", split=Split()))
    assert made.marks == ("attention", "failed", "no traffic")
    assert made.cells[1].note.startswith("The last operation failed")
    assert row().marks == ()


def test_counts_that_nobody_knows_yet_are_not_zero() -> None:
    known = {each.id: each.is_known for each in endpoint_table.filters(has_numbers=False, is_listed=True)}
    assert known == {
        "attention": False,
        "failed": True,
        "stuck": True,
        "errors": False,
        "mirror": False,
        "no traffic": True,
        "idle": False,
    }
    assert not any(each.is_known for each in endpoint_table.filters(has_numbers=False, is_listed=False))
    assert all(each.is_known for each in endpoint_table.filters(has_numbers=True, is_listed=True))


def test_the_last_change_is_short_in_the_list_and_whole_elsewhere() -> None:
    changed = row().cells[9]
    assert (changed.text, changed.title, changed.csv) == (
        "01 Mar 12:00",
        "2026-03-01 12:00 UTC",
        "2026-03-01T12:00:00Z",
    )
    assert row(dataclasses.replace(SHOP, modified_at=NOW - timedelta(days=400))).cells[9].text == "25 Jan 2025"


def test_an_endpoint_that_came_after_the_last_numbers_is_not_one_without_data() -> None:
    late = dataclasses.replace(SHOP, name="late", id=f"{HOME.id}/onlineEndpoints/late")
    quiet = dataclasses.replace(SHOP, name="quiet", id=f"{HOME.id}/onlineEndpoints/quiet")
    members = tuple(Member(each, (), None) for each in (SHOP, quiet, late))
    view = FleetView(Scope(None), (), members, (), is_complete=False, done=1, expected=2, read_at=None)
    asked = frozenset({SHOP.id.lower(), quiet.id.lower()})
    seen = Seen(view, {SHOP.id.lower(): NUMBERS}, asked, (), is_busy=True)
    made = endpoint_list.rows(seen, endpoint_table.Listing(HOME, NOW, has_many=False))
    assert [each.cells[4].text for each in made] == ["12.3 /min", "no data", "reading…"]
