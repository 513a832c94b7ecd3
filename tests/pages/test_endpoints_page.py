"""The Endpoints page and the strip, on a running local Azure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st

from tests.local_azure import LocalAzure
from tests.pages.conftest import BARE, SPLIT, Page

pytestmark = pytest.mark.emulator


def test_the_list_shows_split_mirror_and_numbers(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("endpoints", seeded)
    rows = {row[0]: row[1:] for row in page.rows("endpoints")}
    assert rows[SPLIT][:3] == ["Succeeded", "blue 100 %", "20 % to green"]
    assert rows[SPLIT][3].endswith(" /min")
    assert rows[SPLIT][4].endswith(" ms")
    assert rows[BARE] == ["Succeeded", "no live traffic", "none", *["no data"] * 3, "key", "westeurope"]


def test_an_endpoint_opens_by_its_address_with_its_deployments(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("endpoints", seeded, endpoint=SPLIT)
    assert page.app.header[0].value == SPLIT
    blue, green = page.rows(f"deployments:{SPLIT}")
    assert blue[:4] == ["blue", "100 %", "0 %", "Succeeded"]
    assert green[:4] == ["green", "0 %", "20 %", "Succeeded"]
    assert blue[6] == "1 × Standard_DS3_v2"
    assert page.component("endpoints")["current"] == SPLIT
    assert any(code.value.endswith(f"/endpoints/{SPLIT}/score") for code in page.app.code)


def test_an_endpoint_without_deployments_says_what_to_do(open_page: Callable[..., Page], seeded: LocalAzure) -> None:
    page = open_page("endpoints", seeded, endpoint=BARE)
    assert f"az ml online-deployment create --endpoint {BARE}" in page.html()


def test_a_name_in_the_address_that_does_not_exist_is_explained_as_text(
    open_page: Callable[..., Page], seeded: LocalAzure
) -> None:
    page = open_page("endpoints", seeded, endpoint="<b>gone</b>")
    assert "There is no endpoint named &lt;b&gt;gone&lt;/b&gt;." in page.html()
    assert len(page.rows("endpoints")) >= 2


@pytest.mark.parametrize(
    ("role", "words"), [("owner", "Local owner</b> <i>may change traffic"), ("reader", "Local reader</b> <i>read only")]
)
def test_the_strip_says_where_you_are_and_what_you_may_do(
    open_page: Callable[..., Page], seeded: LocalAzure, role: str, words: str
) -> None:
    page = open_page("endpoints", seeded, role)
    assert "Local Azure" in page.html()
    assert "Workspace <b>local</b>" in page.html()
    assert words in page.html()
    assert page.component("freshness")["age_seconds"] < 60


def test_a_lost_azure_is_explained_instead_of_a_traceback(
    open_page: Callable[..., Page], seeded: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("endpoints", seeded)
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", "https://localhost:1/metadata/endpoints?api-version=2019-05-01")
    st.cache_resource.clear()
    page.fresh()
    assert not page.app.exception
    assert 'role="alert"' in page.html()
    assert "refuses connections" in page.html()
    assert [button.label for button in page.app.button] == ["Try again"]
    assert "checks again every" in page.app.caption[0].value
