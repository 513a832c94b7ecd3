"""The limits of an endpoint on the Metrics page: set here, drawn in the charts, and taken along as alert rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from services import alert_rules
from services.alert_rules import (
    FEWEST_REQUESTS,
    LOG_EVERY_MINUTES,
    LOG_WINDOW_MINUTES,
    WINDOW_MINUTES,
    AlertRule,
    LogRule,
)
from services.errors import SluiceError
from services.limits import LATENCIES, METRICS, MOST_MS, SERVER_ERROR_PERCENT, UTILIZATIONS, Limit
from services.model import Deployment, Endpoint
from ui import context, problem

_FAILED, _SAVED = "limits_failed", "limits_saved"
_INTRO = "What the metrics should stay below. Every limit is a red line in its chart. An empty field is no limit."
_RULES = (
    "Sluice creates nothing: run the commands or deploy the template yourself. Azure bills every metric and every "
    "query that a rule looks at. Your role must allow it to be written, as Monitoring Contributor does."
)
_BY_METRIC = (
    "Latency, processor and memory: a metric rule for each deployment. It fires when the mean of "
    f"{WINDOW_MINUTES} minutes is above the limit, and looks every minute."
)
_BY_LOG = (
    "Server errors: a log search rule on the traffic log, because a metric rule cannot compare a share of two counts. "
    "It works only while a diagnostic setting sends that log to Log Analytics; the Logs page switches it on. Rows "
    f"arrive 3 to 10 minutes late, so the rule looks every {LOG_EVERY_MINUTES} minutes at the last "
    f"{LOG_WINDOW_MINUTES}, and fires up to a quarter of an hour after the errors. Deployments with fewer than "
    f"{FEWEST_REQUESTS} requests in that time are left out."
)


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the fields of the limits, and the alert rules when there are limits."""
    st.header("Limits", anchor=False)
    failed: SluiceError | None = st.session_state.pop(_FAILED, None)
    if failed is not None:
        problem.show(failed, key="limits_not_saved")
    try:
        limits = context.limits().lines(endpoint)
    except SluiceError as error:
        problem.show(error, key="limits")
        return
    st.html(f'<p class="hint">{escape(_INTRO)}</p>')
    _fields(endpoint, limits)
    if st.session_state.pop(_SAVED, False):
        st.html('<p class="applied" role="status">The limits are saved.</p>')
    if limits:
        with st.expander("As alert rules of Azure Monitor"):
            _show_rules(endpoint, deployments, limits)


def _key(endpoint: Endpoint, metric: str) -> str:
    return f"limit_{metric}_{endpoint.id.lower()}"


def _label(metric: str) -> str:
    if metric == SERVER_ERROR_PERCENT:
        return "Server errors, %"
    return f"{LATENCIES[metric]}, ms" if metric in LATENCIES else f"{UTILIZATIONS[metric].capitalize()}, %"


def _fields(endpoint: Endpoint, limits: Sequence[Limit]) -> None:
    _bring_up_to_date(endpoint, {limit.metric: limit.value for limit in limits})
    with st.form("limits_form", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        for metric in METRICS:
            is_latency = metric in LATENCIES
            st.number_input(
                _label(metric),
                min_value=0.0,
                max_value=MOST_MS if is_latency else 100.0,
                value=None,
                step=10.0 if is_latency else 0.1 if metric == SERVER_ERROR_PERCENT else 5.0,
                format="%.10g",
                placeholder="no limit",
                key=_key(endpoint, metric),
                width=150,
            )
        st.form_submit_button("Save limits", key="save_limits", on_click=_save, args=(endpoint,))


def _bring_up_to_date(endpoint: Endpoint, kept: Mapping[str, float]) -> None:
    """Have the fields show what is kept, also what was saved elsewhere since they were drawn; what is typed stays."""
    shown = st.session_state.get(_shown_key(endpoint), kept)
    for metric in METRICS:
        key = _key(endpoint, metric)
        if key not in st.session_state or kept.get(metric) != shown.get(metric):
            st.session_state[key] = kept.get(metric)
    st.session_state[_shown_key(endpoint)] = kept


def _shown_key(endpoint: Endpoint) -> str:
    return f"limits_shown_{endpoint.id.lower()}"


def _save(endpoint: Endpoint) -> None:
    given = {metric: st.session_state.get(_key(endpoint, metric)) for metric in METRICS}
    values = {metric: float(value) for metric, value in given.items() if value is not None}
    try:
        context.limits().save(endpoint, values, st.session_state.get(_shown_key(endpoint)))
        st.session_state[_SAVED] = True
    except SluiceError as error:
        st.session_state[_FAILED] = error


def _show_rules(endpoint: Endpoint, deployments: Sequence[Deployment], limits: Sequence[Limit]) -> None:
    told = [_RULES]
    told += [_BY_METRIC] if any(limit.metric != SERVER_ERROR_PERCENT for limit in limits) else []
    told += [_BY_LOG] if any(limit.metric == SERVER_ERROR_PERCENT for limit in limits) else []
    st.html("".join(f'<p class="hint">{escape(each)}</p>' for each in told))
    names = [each.name for each in deployments]
    live = [name for name in names if endpoint.split.live_percent(name)]
    watched = st.multiselect("Deployments to watch", names, default=live, key=f"watched_{endpoint.id.lower()}")
    given = st.text_input(
        "Action group that is told, its resource id",
        key="alert_action_group",
        placeholder="/subscriptions/…/providers/Microsoft.Insights/actionGroups/…",
        help="Without one the alert is raised, and nobody gets a message.",
    )
    try:
        group = alert_rules.action_group(given)
        statuses = context.settings().statuses
    except SluiceError as error:
        problem.show(error, key="action_group")
        return
    chosen = [each for each in deployments if each.name in watched]
    by_log = alert_rules.log_rule(endpoint, chosen, limits, statuses)
    rules: list[AlertRule | LogRule] = [*alert_rules.alert_rules(chosen, limits), *([by_log] if by_log else [])]
    if not rules:
        st.html('<p class="hint">Choose a deployment to watch.</p>')
        return
    st.code(alert_rules.commands(rules, group), language="bash", wrap_lines=True)
    st.download_button(
        "Download ARM template, JSON",
        data=json.dumps(alert_rules.template(rules, group), indent=2),
        file_name=f"{endpoint.name}-alerts.json",
        mime="application/json",
        key="download_alerts",
        icon=":material/download:",
        on_click="ignore",
    )
