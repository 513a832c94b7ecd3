"""Colours: one per deployment, decided by its name, and readable in both themes."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.local_azure import ROOT
from ui import charts, colours

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20)
THEME: dict[str, Any] = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
STYLE = (ROOT / "ui" / "style.css").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2.2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["blue", "blue-v2", "canary-Blue", "v2_blue"])
def test_a_deployment_named_after_a_colour_gets_it(name: str) -> None:
    assert colours.of_deployments([name, "other"])[name] == colours.NAMED["blue"]


def test_a_colour_inside_another_word_is_none() -> None:
    assert colours.of_deployments(["blueprint", "blue"])["blueprint"] != colours.NAMED["blue"]


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_siblings_differ_as_long_as_the_palette_lasts(names: list[str]) -> None:
    chosen = colours.of_deployments(names)
    unnamed = [name for name in names if not any(word in colours.NAMED for word in re.split("[^a-z]+", name))]
    assert len({chosen[name] for name in unnamed}) == len(unnamed)


@given(st.lists(NAMES, min_size=1, max_size=20, unique=True), st.randoms())
def test_order_does_not_matter(names: list[str], random: Any) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)
    assert colours.of_deployments(names) == colours.of_deployments(shuffled)


@pytest.mark.parametrize("name", sorted(colours.NAMED))
def test_every_deployment_colour_is_readable(name: str) -> None:
    colour = colours.NAMED[name]
    assert contrast(colour, "#ffffff") >= 4.5, "white text on it, and it on the light page"
    assert contrast(colour, THEME["dark"]["backgroundColor"]) >= 3, "a bar on the dark page"
    assert contrast(colours.on_dark(colour), THEME["dark"]["backgroundColor"]) >= 4.5, "a line on the dark page"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_accent_meet_aa(theme: str) -> None:
    values = THEME[theme]
    for background in ("backgroundColor", "secondaryBackgroundColor"):
        for text in ("textColor", "linkColor", "grayTextColor", "greenTextColor", "redTextColor", "orangeTextColor"):
            assert contrast(values[text], values[background]) >= 4.5, (text, background)
    assert contrast("#ffffff", values["primaryColor"]) >= 4.5, "the words on the main button"
    assert contrast(values["primaryColor"], values["backgroundColor"]) >= 3, "the focus ring"


def test_the_three_places_that_hold_colours_agree() -> None:
    pairs = {
        "ink": "textColor",
        "quiet": "grayTextColor",
        "line": "borderColor",
        "soft": "secondaryBackgroundColor",
        "good": "greenTextColor",
        "busy": "orangeTextColor",
        "bad": "redTextColor",
    }
    for variable, key in pairs.items():
        assert f"--{variable}: light-dark({THEME['light'][key]}, {THEME['dark'][key]});" in STYLE
    palette = [colours.NAMED[name] for name in colours.PALETTE]
    assert THEME["light"]["chartCategoricalColors"] == palette
    assert THEME["dark"]["chartCategoricalColors"] == palette
    assert THEME["light"]["backgroundColor"] == charts.LIGHT_PAGE
    assert THEME["dark"]["backgroundColor"] == charts.DARK_PAGE
