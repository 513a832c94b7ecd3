"""Cores, prices and use of deployments: the arithmetic, and what is never guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.azure.usages import Usage, VmSize
from services.errors import RuleBroken
from services.model import Series, Split, Window
from services.quota.cores import need
from services.quota.idle import Use, evidence
from services.quota.ledger import Holding, families, holdings
from services.quota.ledger import total as total_of
from services.quota.limits import fits
from services.quota.prices import Price, Prices, cost, from_csv, price, sorted_out, to_csv, total
from services.store import Store
from tests.values import deployments, endpoint

DS3 = VmSize("Standard_DS3_v2", "standardDSv2Family", 4, 0, 14.0)
A100 = VmSize("Standard_NC24ads_A100_v4", "standardNCADSA100v4Family", 24, 1, 220.0)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEK = Window(NOW - timedelta(days=7), NOW, 3600)


def holding(split: Split | None = None, **changes: object) -> Holding:
    """Blue of an endpoint, a month old."""
    values: dict[str, Any] = {"created_at": NOW - timedelta(days=30), **changes}
    made = replace(endpoint(), split=split or Split())
    return holdings((DS3,), [(made, [replace(deployments("blue")[0], **values)])])[0]


def requests(*values: float | None) -> list[Series]:
    """Requests per minute, hour by hour from the beginning of the week."""
    times = tuple(WEEK.start_at + timedelta(hours=hour) for hour in range(len(values)))
    return [Series("id", "RequestsPerMinute", "Count", {}, times, values)]


@pytest.mark.parametrize(("instances", "cores"), [(0, 0), (1, 8), (3, 16), (5, 24), (6, 32), (50, 240)])
def test_a_fifth_more_instances_are_counted_and_rounded_up(instances: int, cores: int) -> None:
    assert need(DS3, instances).cores == cores


def test_the_arithmetic_is_in_the_words() -> None:
    assert need(DS3, 3).words == "4 cores × ceil(3 × 1.2) = 4 × 4 = 16"


def test_exempt_instance_types_have_no_reserve() -> None:
    assert need(A100, 1).cores == 24
    assert need(A100, 1).words == "24 cores × 1 = 24"


@given(st.integers(0, 10_000))
def test_the_reserve_is_never_a_rounding_error(instances: int) -> None:
    reserved = need(DS3, instances).reserved
    assert 5 * reserved >= 6 * instances > 5 * (reserved - 1)


def test_cores_that_no_deployment_explains_are_elsewhere() -> None:
    [family] = families([Usage("StandardDSv2Family", 30, 100)], [holding(instance_count=3)])
    assert (family.held, family.elsewhere) == (16, 14)
    assert family.words == "16 of deployments + 14 elsewhere = 30 of 100 used, 70 free"


def test_deployments_that_explain_more_than_azure_counts_are_told_and_not_hidden() -> None:
    [family] = families([Usage(DS3.family, 8, 100)], [holding(instance_count=3)])
    assert family.elsewhere is None
    assert "Azure counts 8" in family.words
    assert "16" in family.words


def test_a_family_without_limit_has_no_free_cores() -> None:
    usage = Usage(DS3.family, 8, None)
    assert usage.free is None
    said, has_room = fits(need(DS3, 1), [usage])
    assert has_room
    assert said.endswith(f"Azure tells no limit for {DS3.family}.")


def test_an_instance_type_that_azure_does_not_list_takes_what_nobody_knows() -> None:
    assert holding(instance_type="Standard_Unknown").cores is None


def test_kubernetes_deployments_take_no_cores() -> None:
    assert holdings((DS3,), [(endpoint(is_kubernetes=True), deployments("blue"))]) == ()


def test_what_does_not_fit_says_by_how_much() -> None:
    said, has_room = fits(need(DS3, 1), [Usage(DS3.family, 94, 100)])
    assert not has_room
    assert said.endswith("The family standardDSv2Family has 100 − 94 = 6 free. 2 too few.")
    said, has_room = fits(need(DS3, 1), [Usage(DS3.family, 92, 100)])
    assert has_room
    assert said.endswith("It fits its family, and 0 stay free.")


ROOM = Usage(DS3.family, 20, 100)


@pytest.mark.parametrize(
    ("total", "words", "has_room"),
    [
        (Usage("Total", 60, 64, True), "together have 64 − 60 = 4 free. 4 too few.", False),
        (Usage("Total", 60, 70, True), "together have 70 − 60 = 10 free. It fits, and 2 stay free.", True),
        (Usage("Total", 70, 64, True), "together have 64 − 70 = -6 free. 14 too few.", False),
        (Usage("Total", 60, 200, True), "standardDSv2Family has 100 − 20 = 80 free. It fits, and 72 stay free.", True),
        (Usage("Total", 60, None, True), "standardDSv2Family has 100 − 20 = 80 free. It fits, and 72 stay free.", True),
    ],
)
def test_the_tighter_one_of_the_familys_limit_and_the_total_decides(total: Usage, words: str, has_room: bool) -> None:
    assert fits(need(DS3, 1), [ROOM, total]) == (
        f"1 × Standard_DS3_v2: {need(DS3, 1).words} cores. {_start(words)}",
        has_room,
    )


def _start(words: str) -> str:
    return f"All families of the region {words}" if words.startswith("together") else f"The family {words}"


def test_all_families_together_have_every_deployment_and_are_no_family() -> None:
    held = [holding(instance_count=3)]
    counted = [ROOM, Usage("Total", 40, 64, True)]
    assert [each.usage for each in families(counted, held)] == [ROOM]
    found = total_of(counted, held)
    assert found is not None
    assert found.words == "16 of deployments + 24 elsewhere = 40 of 64 used, 24 free"
    assert total_of([ROOM], held) is None


def test_one_bad_estimate_does_not_keep_the_good_ones_out() -> None:
    told = [
        Price("Standard_DS3_v2", "westeurope", Decimal("0.229"), "EUR"),
        Price("Standard_Free", "westeurope", Decimal(0), "EUR"),
        Price("Standard_F4s_v2", "westeurope", Decimal("0.2"), ""),
        Price("standard_ds3_v2", "westeurope", Decimal("0.23"), "EUR"),
    ]
    found = sorted_out(told)
    assert [(each.instance_type, each.per_hour) for each in found.prices] == [("standard_ds3_v2", Decimal("0.23"))]
    assert found.problems == (
        "Line 2, Standard_Free: Standard_Free cannot cost 0 an hour.",
        "Line 3, Standard_F4s_v2: '' is no currency.",
        "Line 4: standard_ds3_v2 is there twice; the last one counts.",
    )


def test_no_request_and_no_share_is_idle_with_the_evidence() -> None:
    found = evidence(holding(), requests(0, 0, None), (), WEEK)
    assert found.use is Use.IDLE
    assert found.words == (
        "Azure counts no request in the 7 days until 2026-11-20 12:00 UTC, "
        "and it has neither live nor mirrored traffic."
    )


def test_a_request_is_use_whatever_the_split_says() -> None:
    found = evidence(holding(), requests(0, 0.02, 0), ("A piece is missing.",), WEEK)
    assert (found.use, found.last_request_at) == (Use.USED, WEEK.start_at + timedelta(hours=1))


@pytest.mark.parametrize("split", [Split({"blue": 100}), Split({"green": 100}, {"blue": 10})])
def test_a_deployment_with_a_share_is_never_called_idle(split: Split) -> None:
    assert evidence(holding(split), requests(0), (), WEEK).use is Use.UNASKED


def test_metrics_with_a_gap_say_nothing() -> None:
    assert evidence(holding(), requests(0), ("A piece is missing.",), WEEK).use is Use.NOT_KNOWN


def test_a_new_deployment_is_not_idle_yet() -> None:
    assert evidence(holding(created_at=NOW - timedelta(days=6)), [], (), WEEK).use is Use.TOO_NEW
    assert evidence(holding(created_at=None), [], (), WEEK).use is Use.NOT_KNOWN


PRICES = (
    Price("Standard_DS3_v2", "", Decimal("0.3"), "EUR"),
    Price("Standard_DS3_v2", "westeurope", Decimal("0.229"), "EUR"),
)


def test_the_price_of_the_region_counts_before_that_of_every_region() -> None:
    found = cost(PRICES, "standard_ds3_V2", "West Europe", 3)
    assert found is not None
    assert (found.per_hour, found.per_month) == (Decimal("0.687"), Decimal("501.510"))
    elsewhere = cost(PRICES, "Standard_DS3_v2", "eastus", 1)
    assert elsewhere is not None
    assert elsewhere.per_hour == Decimal("0.3")


def test_without_a_price_nothing_is_invented() -> None:
    assert cost(PRICES, "Standard_DS4_v2", "westeurope", 1) is None
    sums, unknown = total([cost(PRICES, "Standard_DS3_v2", "westeurope", 1), None])
    assert [(each.currency, each.per_hour) for each in sums] == [("EUR", Decimal("0.229"))]
    assert unknown == 1


def test_currencies_are_not_added_up() -> None:
    dollars = cost([Price("a", "", Decimal(1), "USD")], "a", "x", 2)
    euros = cost([Price("a", "", Decimal(1), "EUR")], "a", "x", 3)
    assert [(each.currency, each.per_hour) for each in total([dollars, euros])[0]] == [
        ("EUR", Decimal(3)),
        ("USD", Decimal(2)),
    ]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        (("", "", "1", "EUR"), "no instance type"),
        (("Standard DS3", "", "1", "EUR"), "no instance type"),
        (("Standard_DS3_v2", "west/europe", "1", "EUR"), "no region"),
        (("Standard_DS3_v2", "", "0,3", "EUR"), "no number"),
        (("Standard_DS3_v2", "", "nan", "EUR"), "cannot cost"),
        (("Standard_DS3_v2", "", "-1", "EUR"), "cannot cost"),
        (("Standard_DS3_v2", "", "1", "€"), "no currency"),
    ],
)
def test_what_is_no_price_is_refused_with_its_reason(fields: tuple[str, str, str, str], word: str) -> None:
    with pytest.raises(RuleBroken, match=word):
        price(*fields)


def test_a_table_that_is_exported_is_read_back() -> None:
    assert from_csv(to_csv(PRICES).encode()).prices == PRICES


def test_a_table_from_a_spreadsheet_is_read_with_its_problems_by_line() -> None:
    content = "﻿Currency;Price_per_hour;Instance_type\nEUR;0.5;Standard_DS3_v2\nEUR;0,5;Standard_DS4_v2\n;;\n"
    found = from_csv(content.encode())
    assert found.prices == (Price("Standard_DS3_v2", "", Decimal("0.5"), "EUR"),)
    assert len(found.problems) == 1
    assert found.problems[0].startswith("Line 3: '0,5' is no number")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", "Preis;€\n".encode("latin-1", "replace"), b"\xff\xfe\x00"])
def test_a_file_that_is_no_price_table_is_refused(content: bytes) -> None:
    with pytest.raises(RuleBroken):
        from_csv(content)


def test_prices_are_kept_for_each_cloud(tmp_path: Path) -> None:
    store = Store(tmp_path / "sluice.db")
    Prices(store, "here").put(PRICES)
    assert Prices(store, "here").all() == PRICES
    assert Prices(store, "there").all() == ()
    with pytest.raises(RuleBroken, match="two prices"):
        Prices(store, "here").put([PRICES[0], replace(PRICES[0], instance_type="STANDARD_ds3_v2")])
    assert Prices(store, "here").all() == PRICES
    store.close()


def test_a_price_that_is_set_or_taken_out_leaves_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path / "sluice.db")
    mine, theirs = Prices(store, "here"), Prices(store, "here")
    mine.put(PRICES)
    theirs.put([Price("Standard_F2s_v2", "", Decimal("0.1"), "EUR")])
    dearer = replace(PRICES[0], instance_type=PRICES[0].instance_type.upper(), per_hour=Decimal("9.5"))
    mine.put([dearer], without=PRICES[1:])
    assert {each.instance_type: each.per_hour for each in mine.all()} == {
        dearer.instance_type: Decimal("9.5"),
        "Standard_F2s_v2": Decimal("0.1"),
    }
    store.close()
