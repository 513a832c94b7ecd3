"""The fields of a rule: for a new one, and filled in with one that is to be changed."""

from __future__ import annotations

import streamlit as st

from services.autoscale.changing import AGGREGATIONS, KINDS, Form
from services.autoscale.metrics import METRICS, Metric
from services.autoscale.settings import ENDPOINTS, IN, OUT
from services.model import Deployment

_OFFERED = tuple(each for each in METRICS if each.is_offered)
NEW = Form(_OFFERED[0])
_KINDS = dict(zip(KINDS, ("instances", "% of them", "to this number"), strict=True))
_GOES = {OUT: "Scale out when above", IN: "Scale in when below", "": "As it is"}


def show(prefix: str, begun: Form, deployment: Deployment, unknown: str = "") -> None:
    """Draw the fields, filled in with ``begun``. ``unknown`` is the name of a metric that Sluice does not know."""
    metrics: list[Metric | None] = list(_OFFERED)
    if begun.metric not in metrics:
        metrics.insert(0, begun.metric)
    st.selectbox(
        "Metric",
        metrics,
        index=metrics.index(begun.metric),
        key=f"{prefix}_metric",
        format_func=lambda each: _title(each) if each else unknown or "not given",
    )
    goes = [each for each in _GOES if each or not begun.goes]
    st.selectbox("Direction", goes, index=goes.index(begun.goes), key=f"{prefix}_goes", format_func=_GOES.__getitem__)
    metric: Metric | None = st.session_state[f"{prefix}_metric"]
    unit = f", {metric.unit}" if metric and metric.unit else ""
    least = min(0.0, begun.threshold)
    key = f"{prefix}_threshold"
    st.number_input(f"Threshold{unit}", least, value=begun.threshold, step=1.0, format="%g", key=key)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _whole("By", begun.value, 1, 100, f"{prefix}_by", 110)
        _choice("of", list(KINDS), begun.kind, f"{prefix}_kind", 160, is_hidden=True)
    with st.container(horizontal=True):
        _whole("Over, min", begun.window_minutes, 5, 720, f"{prefix}_window", 130)
        _choice("Taken as", list(AGGREGATIONS), begun.aggregation, f"{prefix}_aggregation", 140)
        _whole("Then wait, min", begun.cooldown_minutes, 1, 10080, f"{prefix}_wait", 140)
    if metric is not None and (metric.is_total or begun.per_instance):
        st.checkbox("For each instance", begun.per_instance, key=f"{prefix}_each")
    if metric is not None and metric.is_total:
        st.caption(
            f"“{metric.title}” is one number for all instances, and more of them do not lower it. For each instance, "
            "Azure divides it by their number (dividePerInstance)."
        )
    if metric is not None and metric.namespace == ENDPOINTS and "deployment" in metric.dimensions:
        st.caption(f"Counted at the endpoint, for {deployment.name} alone.")


def given(prefix: str) -> Form:
    """What the fields say. For callbacks."""
    state = st.session_state
    return Form(
        metric=state[f"{prefix}_metric"],
        goes=state[f"{prefix}_goes"],
        threshold=float(state[f"{prefix}_threshold"]),
        value=int(state[f"{prefix}_by"]),
        cooldown_minutes=int(state[f"{prefix}_wait"]),
        window_minutes=int(state[f"{prefix}_window"]),
        aggregation=state[f"{prefix}_aggregation"],
        kind=state[f"{prefix}_kind"],
        per_instance=bool(state.get(f"{prefix}_each")),
    )


def _whole(label: str, value: int, least: int, most: int, key: str, width: int) -> None:
    # A rule that was written elsewhere may be outside of what Azure takes: it is shown as it is.
    st.number_input(label, min(least, value), max(most, value), value, key=key, width=width)


def _choice(label: str, names: list[str], chosen: str, key: str, width: int, *, is_hidden: bool = False) -> None:
    if chosen not in names:
        names.append(chosen)
    st.selectbox(
        label,
        names,
        index=names.index(chosen),
        key=key,
        width=width,
        format_func=lambda each: _KINDS.get(each, each or "not given"),
        label_visibility="hidden" if is_hidden else "visible",
    )


def _title(metric: Metric) -> str:
    return f"{metric.title}{', ' + metric.unit if metric.unit else ''}"
