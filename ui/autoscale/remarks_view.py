"""What lint says of a setting, as a list. Pure but for the last line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

import streamlit as st

from services.autoscale.remark import Remark

NOTHING = "Nothing that Sluice can see is wrong with these rules."


def show(remarks: Sequence[Remark], *, is_complete: bool) -> None:
    """Draw the remarks, or that there are none once everything is known."""
    if remarks or is_complete:
        st.html(listed(remarks))


def listed(remarks: Sequence[Remark]) -> str:
    """The remarks as HTML."""
    if not remarks:
        return f'<div class="preflight"><p class="clear">{NOTHING}</p></div>'
    # The usual profile and those that bring it back say the same: what is wrong with them is said once.
    places: dict[Remark, list[str]] = {}
    for each in remarks:
        places.setdefault(replace(each, profile="", rule=0), []).append(each.place)
    return f'<ul class="remarks">{"".join(_item(each, found) for each, found in places.items())}</ul>'


def _item(remark: Remark, places: Sequence[str]) -> str:
    said = "; ".join(filter(None, places))
    place = f' <span class="at">{escape(said)}</span>' if said else ""
    return (
        f'<li class="is-{remark.level.value}"><b>{escape(remark.what)}</b>{place}'
        f"<p>{escape(remark.why)} {escape(remark.fix)}</p></li>"
    )
