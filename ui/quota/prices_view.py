"""The price table that people keep: set one, take one out, read and write it as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import streamlit as st

from services.errors import SluiceError
from services.quota.prices import COLUMNS, Price, Table, from_csv, price, sorted_out, to_csv
from services.quota.reading import Overview
from ui import ask, context, problem, words
from ui.components.table import Cell, Column, Row, read_opened, table

PLACE = "prices"
EVERY = "Every region"
_TYPE, _REGION, _VALUE, _CURRENCY = "price_type", "price_region", "price_value", "price_currency"
_FAILED, _TOLD, _WRONG = "price_failed", "price_told", "price_wrong"
_MOST_TOLD = 200
_TABLE = "quota_prices"
_COLUMNS = (
    Column("Instance type"),
    Column("Region"),
    Column("An instance for an hour", number=True, csv="price_per_hour"),
    Column("Currency"),
)


def show(overview: Overview, prices: Sequence[Price]) -> None:
    """Draw the table, the fields that set a price, and the files."""
    st.header("Prices", anchor=False)
    st.html(
        '<p class="hint">Sluice knows no prices: enter what your contract says for an instance and an hour. They stay '
        "on this machine. Other costs, such as storage and network, are not in the sums.</p>"
    )
    ask.show(PLACE)
    if prices:
        table("Prices", _COLUMNS, [_row(each) for each in prices], key=_TABLE, compact=True, on_open=_opened(prices))
    _fields(overview, prices)
    _told()
    _files(overview, prices)


def _row(found: Price) -> Row:
    return Row(
        _key(found),
        (
            Cell(found.instance_type, code=True),
            Cell(found.region or "every other", muted=not found.region, csv=found.region),
            Cell(str(found.per_hour), sort=float(found.per_hour)),
            Cell(found.currency),
        ),
    )


def _key(found: Price) -> str:
    return f"{found.instance_type.lower()}/{found.region}"


def _opened(prices: Sequence[Price]) -> Callable[[], None]:
    def opened() -> None:
        found = next((each for each in prices if _key(each) == read_opened(_TABLE)), None)
        if found is not None:
            st.session_state[_TYPE], st.session_state[_REGION] = found.instance_type, found.region or EVERY
            st.session_state[_VALUE], st.session_state[_CURRENCY] = str(found.per_hour), found.currency

    return opened


def without_price(overview: Overview, prices: Sequence[Price]) -> list[str]:
    """The instance types that are in use and have no price for this region. Pure."""
    known = {each.instance_type.lower() for each in prices if each.region in ("", overview.region)}
    used = {each.deployment.instance_type for each in overview.holdings}
    return sorted(each for each in used if each.lower() not in known)


def _fields(overview: Overview, prices: Sequence[Price]) -> None:
    missing = without_price(overview, prices)
    if missing:
        st.html(f'<p class="label">Without a price: {escape(", ".join(missing))}</p>')
    st.session_state.setdefault(_TYPE, missing[0] if missing else "")
    st.session_state.setdefault(_CURRENCY, prices[0].currency if prices else "")
    regions = list(dict.fromkeys((EVERY, overview.region, *(each.region for each in prices if each.region))))
    with st.container(horizontal=True, vertical_alignment="bottom", key="price_fields"):
        st.text_input("Instance type", key=_TYPE, max_chars=64, width=240, placeholder="Standard_DS3_v2")
        st.selectbox("Region", regions, key=_REGION, width=180)
        st.text_input("Price of an hour", key=_VALUE, max_chars=20, width=140, placeholder="0.229")
        st.text_input("Currency", key=_CURRENCY, max_chars=3, width=110, placeholder="EUR")
        st.button("Set", key="price_set", on_click=_set)
        if _found(prices) is not None:
            st.button("Remove…", key="price_drop", on_click=_ask_to_drop)


def _found(prices: Sequence[Price]) -> Price | None:
    region = st.session_state.get(_REGION, EVERY)
    name = str(st.session_state.get(_TYPE) or "").strip().lower()
    wanted = f"{name}/{'' if region == EVERY else region}"
    return next((each for each in prices if _key(each) == wanted), None)


def _typed() -> Price:
    region = str(st.session_state[_REGION])
    return price(
        str(st.session_state[_TYPE] or ""),
        "" if region == EVERY else region,
        str(st.session_state[_VALUE] or ""),
        str(st.session_state[_CURRENCY] or ""),
    )


def _set() -> None:
    try:
        context.prices().put([_typed()])
    except SluiceError as error:
        _keep(error)
    else:
        st.session_state[_VALUE] = ""


def _ask_to_drop() -> None:
    """Ask before a price is gone: nobody remembers it."""
    try:
        gone = _found(context.prices().all())
    except SluiceError as error:
        _keep(error)
        return
    if gone is None:
        return
    region = gone.region or "every other region"
    sentence = (
        f"{gone.per_hour} {gone.currency} for an hour of {gone.instance_type} in {region}. "
        "Deployments without another price for it are not in the sums any more."
    )
    ask.begin(
        ask.Question(PLACE, "Remove this price?", sentence, "Remove", lambda: context.prices().put([], without=[gone]))
    )


def _files(overview: Overview, prices: Sequence[Price]) -> None:
    with st.expander("The table as a file", icon=":material/table:"):
        st.html(f'<p class="hint">A CSV file with the columns {", ".join(COLUMNS)}.</p>')
        if prices:
            st.download_button(
                "Download", to_csv(prices), "sluice-prices.csv", "text/csv", key="prices_csv", on_click="ignore"
            )
        sent = st.file_uploader("Read a table", type="csv", key="prices_file")
        if sent is not None:
            st.button("Use this table", key="prices_use", on_click=_read, args=(sent.getvalue(),))
        told = [each for each in overview.offered if each.hourly_price is not None]
        if told:
            st.html(
                f'<p class="hint">Azure itself estimates {words.count(len(told), "price")} of this region. They are '
                "list prices, without your discounts.</p>"
            )
            st.button("Use Azure's estimates", key="prices_azure", on_click=_take, args=(overview,))


def _read(content: bytes) -> None:
    try:
        found = from_csv(content)
    except SluiceError as error:
        st.session_state.pop(_WRONG, None)
        _keep(error)
        return
    _propose(found, f"{words.count(len(found.prices), 'price')} can be read.")


def _take(overview: Overview) -> None:
    found = sorted_out(
        Price(each.name, overview.region, each.hourly_price, each.currency)
        for each in overview.offered
        if each.hourly_price is not None
    )
    _propose(found, f"Azure estimates {words.count(len(found.prices), 'price')} in {overview.region}.")


def _propose(found: Table, said: str) -> None:
    """Ask before prices are replaced: those of the same instance type and region."""

    def act() -> None:
        context.prices().put(found.prices)
        st.session_state[_TOLD] = f"{words.count(len(found.prices), 'price')} set."

    st.session_state[_WRONG] = found.problems
    if not found.prices:
        st.session_state[_TOLD] = "Nothing was read."
        return
    if found.problems:
        said += f" {words.count(len(found.problems), 'line')} with a problem: listed on the page, the others count."
    sentence = f"{said} They replace those of the same instance type and region; the others stay."
    ask.begin(ask.Question(PLACE, "Set these prices?", sentence, "Set", act))


def _told() -> None:
    failed: SluiceError | None = st.session_state.pop(_FAILED, None)
    if failed is not None:
        problem.show(failed, key="prices")
    told = st.session_state.pop(_TOLD, "")
    if told:
        st.html(f'<p class="notice" role="status">{escape(told)}</p>')
    wrong: tuple[str, ...] = st.session_state.get(_WRONG, ())
    if wrong:
        with st.expander(f"{words.count(len(wrong), 'line')} with a problem", expanded=True, icon=":material/warning:"):
            entries = "".join(f"<li>{escape(each)}</li>" for each in wrong[:_MOST_TOLD])
            st.html(f'<ul class="callers">{entries}</ul>')
            if len(wrong) > _MOST_TOLD:
                st.caption(f"And {len(wrong) - _MOST_TOLD} more. Mend these first, then read the table again.")
            st.button("Dismiss", key="prices_wrong", on_click=lambda: st.session_state.pop(_WRONG, None))


def _keep(error: SluiceError) -> None:
    """The session keeps the words alone."""
    error.__cause__ = error.__context__ = None
    st.session_state[_FAILED] = error.with_traceback(None)
