"""What the candidate must not be worse by, as fields. An empty field is not judged."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from services import digits
from services.comparison.criteria import MOST_USE, QUANTILES, Criteria
from services.comparison.quantiles import Margin
from services.model import Endpoint

_LABELS = {f"P{100 * share:.0f}": share for share in QUANTILES}
NOT_JUDGED = "not judged"
_WIDTH = 190


def show(endpoint: Endpoint, saved: Criteria, *, disabled: bool) -> Criteria:
    """Draw the fields, filled with what was ``saved`` for the endpoint; what they say now, not checked."""
    latency = saved.latency
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="shadow_criteria"):
        errors = _number(
            endpoint,
            Field("errors", "Errors more, points", 99.9, 0.1, "Percentage points: from 0.2 % to 0.7 % is 0.5 more."),
            saved.error_points,
            disabled=disabled,
        )
        percent = _number(
            endpoint,
            Field(
                "percent",
                "Latency longer, %",
                1000.0,
                1.0,
                "Of requests in the same minute, and of the quantiles. Only requests that did not fail count.",
            ),
            None if latency is None else round(100 * latency.ratio, 9),
            disabled=disabled,
        )
        ms = _number(
            endpoint,
            Field("ms", "and by more than, ms", 60_000.0, 1.0, "Only what is longer by both is worse."),
            5.0 if latency is None else latency.ms,
            disabled=disabled,
        )
        chosen = st.pills(
            "Quantiles of latency",
            list(_LABELS),
            selection_mode="multi",
            default=[name for name, share in _LABELS.items() if share in saved.quantiles],
            key=_key(endpoint, "quantiles"),
            disabled=disabled,
            persist_state="session",
        )
        answers = _number(
            endpoint,
            Field(
                "answers",
                "Answers that differ, %",
                99.9,
                1.0,
                "Needs a comparison of answers during the run: payloads that both are asked.",
            ),
            saved.answer_percent,
            disabled=disabled,
        )
        used = _number(
            endpoint,
            Field(
                "processor",
                "Processor per request more, %",
                MOST_USE,
                5.0,
                "What a request adds to what idling uses: 20 is a good begin. Needs traffic that goes up and down, and "
                "some hours.",
            ),
            saved.processor_percent,
            disabled=disabled,
        )
        held = _number(
            endpoint,
            Field(
                "memory",
                "Memory per instance more, %",
                MOST_USE,
                5.0,
                "20 is a good begin. Needs an hour at least, and the same instance type for both.",
            ),
            saved.memory_percent,
            disabled=disabled,
        )
    return Criteria(
        error_points=errors,
        latency=None if percent is None else Margin(percent / 100, ms or 0.0),
        quantiles=() if percent is None else tuple(_LABELS[name] for name in _LABELS if name in chosen),
        answer_percent=answers,
        processor_percent=used,
        memory_percent=held,
    )


@dataclass(frozen=True)
class Field:
    """A number that can be left empty, from 0 to ``most``."""

    name: str
    label: str
    most: float
    step: float
    hint: str


def _number(endpoint: Endpoint, field: Field, value: float | None, *, disabled: bool) -> float | None:
    return st.number_input(
        field.label,
        min_value=0.0,
        max_value=field.most,
        value=value,
        step=field.step,
        format="%.10g",
        placeholder=NOT_JUDGED,
        key=_key(endpoint, field.name),
        width=_WIDTH,
        help=field.hint,
        disabled=disabled,
        persist_state="session",
    )


def _key(endpoint: Endpoint, field: str) -> str:
    return f"shadow_{field}_{endpoint.id.lower()}"


def in_words(criteria: Criteria) -> tuple[str, ...]:
    """What is judged, criterion by criterion. Pure."""
    said = []
    if criteria.error_points is not None:
        said.append(f"errors at most {digits.rounded(criteria.error_points, 6)} points more")
    if criteria.latency is not None:
        percent, ms = round(100 * criteria.latency.ratio, 9), criteria.latency.ms
        least = f", unless that is {digits.rounded(ms, 6)} ms or less" if ms else ""
        names = [name for name, share in _LABELS.items() if share in criteria.quantiles]
        said.append(
            f"latency in the same minute{''.join(f', {name}' for name in names)} "
            f"at most {digits.rounded(percent, 6)} % longer{least}"
        )
    if criteria.answer_percent is not None:
        said.append(f"at most {digits.rounded(criteria.answer_percent, 6)} % of the answers different")
    if criteria.processor_percent is not None:
        said.append(f"processor per request at most {criteria.processor_percent:g} % more")
    if criteria.memory_percent is not None:
        said.append(f"memory per instance at most {criteria.memory_percent:g} % more")
    return tuple(said)
