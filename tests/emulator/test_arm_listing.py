"""Lists: order, pages and filters."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.arm.listing import endpoint_filter, page
from emulator.arm.rules import RuleBroken

ADDRESS = "https://localhost:1/subscriptions/s/onlineEndpoints"


def endpoint(name: str, at: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "Managed",
        "tags": more.get("tags", {}),
        "systemData": {"createdAt": f"2026-01-{at + 1:02}", "lastModifiedAt": f"2026-02-{28 - at:02}"},
        "properties": {"properties": more.get("properties", {})},
    }


def listed(found: list[dict[str, Any]], query: dict[str, str]) -> tuple[list[str], str | None]:
    answer = page(found, query, size="count", order="orderBy", address=ADDRESS)
    return [each["name"] for each in answer["value"]], answer["nextLink"]


def query_of(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


FOUND = [endpoint("a", 1), endpoint("b", 0), endpoint("c", 2)]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("", "abc"),
        ("CreatedAtAsc", "bac"),
        ("createdatdesc", "cab"),
        ("UpdatedAtAsc", "cab"),
        ("UpdatedAtDesc", "bac"),
        ("createdtime desc", "cab"),
    ],
)
def test_orders(order: str, names: str) -> None:
    assert listed(FOUND, {"orderBy": order}) == (list(names), None)


@given(st.integers(0, 30), st.integers(1, 12), st.sampled_from(["", "CreatedAtDesc", "UpdatedAtDesc"]))
def test_the_pages_together_are_the_list(total: int, size: int, order: str) -> None:
    found = [endpoint(f"e{number:02}", number % 27) for number in range(total)]
    query = {"api-version": "2024-10-01", "count": str(size), "orderBy": order}
    whole, _ = listed(found, {"orderBy": order})
    names: list[str] = []
    link: str | None = ADDRESS
    while link is not None:
        part, link = listed(found, query)
        assert len(part) <= size
        names += part
        if link is not None:
            assert link.startswith(f"{ADDRESS}?")
            query = query_of(link)
            assert query["api-version"] == "2024-10-01"
    assert names == whole


def test_what_goes_away_between_two_pages_hides_nothing() -> None:
    _, link = listed(FOUND, {"count": "2"})
    assert link is not None
    assert listed(FOUND[1:], query_of(link))[0] == ["c"]
    # The one behind which the second page begins.
    assert listed([FOUND[0], *FOUND[2:]], query_of(link))[0] == ["c"]


def test_a_plain_number_skips_so_many() -> None:
    assert listed(FOUND, {"$skip": "2"})[0] == ["c"]
    assert listed(FOUND, {"$skip": "9"}) == ([], None)


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [{"count": "0"}, {"count": "x"}, {"count": "-1"}, {"count": "9" * 20}, {"orderBy": "Name"}, {"$skip": "*"},
     {"$skip": "bm9uc2Vuc2U"}, {"count": "²"}, {"$skip": token('[Infinity, "gone"]')}, {"$skip": token("[" * 5000)}],
)  # fmt: skip
def test_what_cannot_be_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(RuleBroken):
        listed(FOUND, query)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, "abc"),
        ({"name": "B"}, "b"),
        ({"computeType": "managed"}, "abc"),
        ({"computeType": "Kubernetes"}, ""),
        ({"tags": "team"}, "ab"),
        ({"tags": "team=green"}, "b"),
        ({"tags": "team,stage=1"}, "a"),
        ({"properties": "owner=x"}, "c"),
        ({"TAGS": "team=green"}, "b"),
    ],
)
def test_filters(query: dict[str, str], names: str) -> None:
    found = [
        endpoint("a", tags={"team": "blue", "stage": "1"}),
        endpoint("b", tags={"team": "green"}),
        endpoint("c", properties={"owner": "x"}),
    ]
    shown = endpoint_filter(query)
    assert [each["name"] for each in found if shown(each)] == list(names)


def test_an_unknown_compute_type_is_refused() -> None:
    with pytest.raises(RuleBroken, match="computeType"):
        endpoint_filter({"computeType": "Quantum"})
