"""The scores of classes in an answer, as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from ui.test.answer.body_reading import Number, number_of

MOST_BARS = 8
MOST_ITEMS = 500
_MOST_CLASSES = 1000
_OFF_BY = 0.02
"""How far a sum of rounded scores may be from 1."""
_DEEPEST = 4
_LABELS = ("label", "class", "name", "category")
_SCORES = ("score", "probability", "confidence")


@dataclass(frozen=True)
class Score:
    """One class and its score from 0 to 1; ``text`` is the score as the answer writes it."""

    label: str
    score: float
    text: str


Scores = tuple[Score, ...]


def class_scores(value: object) -> tuple[Scores, ...]:
    """The class scores of every item in ``value``, the JSON of an answer; () when there are none.

    Scores are two or more numbers from 0 to 1, at least one of them strictly between, that add up to 1: in a list, in
    an object by label, or in a list of objects with a label and a score each. A list of labels beside a list of scores
    need not add up to 1. They may stand at any place of the answer, once or once per item.
    """
    return _items(value, 0)[:MOST_ITEMS]


def show(items: Sequence[Scores], key: str) -> None:
    """Draw the scores of one item, and the choice of the item when there are several."""
    place = 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"scores_head:{key}"):
        if len(items) == 1:
            st.html('<p class="beside">Class scores</p>', width="content")
        else:
            st.html('<p class="beside">Class scores of item</p>', width="content")
            chosen = st.number_input(
                "Item", 1, len(items), key=f"scores_item:{key}:{len(items)}", width=120, label_visibility="collapsed"
            )
            place = int(chosen)
            st.html(f'<p class="beside">of {len(items)}</p>', width="content")
    st.html(bars(items[place - 1]))


def bars(scores: Scores) -> str:
    """The HTML of the scores, largest first."""
    ordered = sorted(scores, key=lambda each: -each.score)
    rows = "".join(
        f'<li><span class="name" title="{escape(each.label)}">{escape(each.label)}</span>'
        f'<span class="track" aria-hidden="true"><i style="width:{each.score:.1%}"></i></span>'
        f"<b>{escape(each.text)}</b></li>"
        for each in ordered[:MOST_BARS]
    )
    rest = len(ordered) - MOST_BARS
    more = (
        f'<p class="hint">{rest} more, together {sum(s.score for s in ordered[MOST_BARS:]):.3g}.</p>'
        if rest > 0
        else ""
    )
    return f'<ol class="scores">{rows}</ol>{more}'


def _items(value: object, depth: int) -> tuple[Scores, ...]:
    one = _scores(value)
    if one:
        return (one,)
    if depth == _DEEPEST:
        return ()
    if isinstance(value, list):
        each_has = [_items(each, depth + 1) for each in value[:MOST_ITEMS]]
        return tuple(has[0] for has in each_has) if each_has and all(len(has) == 1 for has in each_has) else ()
    if isinstance(value, Mapping):
        return next((found for each in value.values() if (found := _items(each, depth + 1))), ())
    return ()


def _scores(value: object) -> Scores:
    if isinstance(value, list):
        if 2 <= len(value) <= _MOST_CLASSES:
            return _whole(_labelled(value) or _numbered(value))
        return ()
    if isinstance(value, Mapping) and 2 <= len(value) <= _MOST_CLASSES:
        return _beside(value) or _whole(_made(list(value), list(value.values())))
    return ()


def _numbered(values: list[object]) -> Scores:
    return _made([str(place) for place in range(len(values))], values)


def _labelled(values: list[object]) -> Scores:
    labels: list[str] = []
    scores: list[object] = []
    for value in values:
        if not isinstance(value, Mapping):
            return ()
        label = next((value[name] for name in _LABELS if isinstance(value.get(name), str)), None)
        score = next((value[name] for name in _SCORES if name in value), None)
        if label is None or score is None:
            return ()
        labels.append(str(label))
        scores.append(score)
    return _made(labels, scores) if len(set(labels)) == len(labels) else ()


def _beside(value: Mapping[str, object]) -> Scores:
    labels, scores = value.get("labels"), value.get("scores")
    if not (isinstance(labels, list) and isinstance(scores, list) and 2 <= len(labels) == len(scores) <= _MOST_CLASSES):
        return ()
    return _made([str(each) for each in labels], scores) if all(isinstance(each, str) for each in labels) else ()


def _made(labels: Sequence[str], values: Sequence[object]) -> Scores:
    """The scores, () when a value is none."""
    made = []
    for label, value in zip(labels, values, strict=True):
        number = number_of(value)
        if number is None or not isinstance(value, Number) or not 0 <= number <= 1:
            return ()
        made.append(Score(label, number, _short(value, number)))
    return tuple(made) if any(0 < each.score < 1 for each in made) else ()


def _whole(scores: Scores) -> Scores:
    return scores if scores and abs(sum(each.score for each in scores) - 1) <= _OFF_BY else ()


def _short(value: Number, number: float) -> str:
    return str(value) if len(value) <= 8 else f"{number:.4g}"
