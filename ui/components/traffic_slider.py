"""The linked traffic slider: whole percentages of several deployments that always sum to 100."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "sluice_traffic_slider",
    css=(_HERE / "traffic_slider.css").read_text(encoding="utf-8"),
    js=(_HERE / "traffic_slider.js").read_text(encoding="utf-8"),
)
ALL_ON_THE_BAR = 6
"""Up to so many deployments are all on the bar; of more, only those with live traffic."""


@dataclass(frozen=True)
class Move:
    """The shares after a person let go of a handle. ``sequence`` grows with every move of one slider."""

    shares: dict[str, int]
    sequence: int


def traffic_slider(
    label: str,
    shares: Mapping[str, int],
    *,
    key: str,
    bar: Sequence[str],
    identity: str,
    colours: Mapping[str, str],
    sequence: int,
    revision: int,
    disabled: bool,
    on_move: Callable[[], None],
) -> None:
    """Draw the slider. ``on_move`` is called when a handle was let go; read the new shares with :func:`read_move`.

    Those of ``bar`` stand on it; every other share has to be 0. ``sequence`` is that of the last move that ``shares``
    already contains: the browser ignores shares older than what the person is doing. A new ``revision``, or another
    ``identity``, makes it take ``shares`` in any case.
    """
    names = list(shares)
    _mount(
        key=key,
        data={
            "label": label,
            "identity": identity,
            "names": names,
            "bar": [place for place, name in enumerate(names) if name in bar],
            "shares": [shares[name] for name in names],
            "colours": [colours[name] for name in names],
            "sequence": sequence,
            "revision": revision,
            "disabled": disabled,
        },
        on_move_change=on_move,
    )


def read_move(value: Any, names: list[str]) -> Move | None:  # noqa: ANN401 - whatever the browser sent
    """The move in the slider's session state ``value``, or None when it holds none that fits ``names``."""
    move = value.get("move") if hasattr(value, "get") else None
    if not move or len(move["shares"]) != len(names):
        return None
    percentages = [int(share) for share in move["shares"]]
    if sum(percentages) != 100 or min(percentages) < 0:
        return None
    return Move(dict(zip(names, percentages, strict=True)), int(move["sequence"]))
