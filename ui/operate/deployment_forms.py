"""Forms for a running deployment: instances, request settings and probes, restart, the end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape

import streamlit as st

from services.model import Deployment, Endpoint
from services.operating.change import DeleteDeployment, DeploymentSettings, Restart, Scale
from services.operating.fields import FIELDS, MOST_INSTANCES, PROBE_FIELDS, REQUEST_FIELDS, Field
from services.operating.planning import why_not_deleted
from ui import words
from ui.operate import question

REVIEW = "See what would change"
_PROBES = {
    "livenessProbe": ("Liveness probe", "After the failures allowed here, Azure restarts the container."),
    "readinessProbe": ("Readiness probe", "After the failures allowed here, the container gets no requests."),
    "startupProbe": ("Startup probe", "Until it succeeds, the other two are not asked."),
}


def scale(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """Another number of instances."""
    st.html(
        f'<p class="lead">{escape(deployment.name)} has {words.count(deployment.instance_count, "instance")} of '
        f"{escape(deployment.instance_type or 'a type that is not said')}. Only the number is sent to Azure, so "
        "nothing else can change.</p>"
    )
    key = f"instances:{deployment.id}:{question.turn()}"
    st.number_input("Instances", 1, MOST_INSTANCES, max(1, deployment.instance_count), key=key, width=160)
    st.button(
        REVIEW,
        key="review_scale",
        type="primary",
        disabled=not can,
        on_click=lambda: question.review(endpoint, Scale(deployment.name, int(st.session_state[key]))),
    )


def settings(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """Request settings and probes."""
    before = {name: field.read(deployment.raw) for name, field in FIELDS.items()}
    keys = {name: f"field:{name}:{deployment.id}:{question.turn()}" for name in FIELDS}
    with st.form("operate_settings", border=False):
        st.html('<p class="label">Requests</p>')
        _numbers(REQUEST_FIELDS, before, keys)
        concurrency, workers = deployment.max_concurrent_requests, deployment.worker_count
        limit = 2 * concurrency * max(1, deployment.instance_count)
        st.caption(
            f"Azure answers 429 from more than 2 × {concurrency} × {max(1, deployment.instance_count)} = {limit} "
            f"requests in flight on. {words.count(workers, 'worker')} in each instance "
            f"{'works' if workers == 1 else 'work'} on them (variable WORKER_COUNT)."
        )
        for holder, fields in PROBE_FIELDS.items():
            title, meaning = _PROBES[holder]
            with st.expander(title):
                st.caption(meaning)
                _numbers(fields, before, keys)
        st.form_submit_button(
            REVIEW,
            key="review_settings",
            type="primary",
            disabled=not can,
            on_click=lambda: question.review(endpoint, _changed(deployment, before, keys)),
        )


def restart(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """New containers."""
    st.html(
        '<p class="lead">Azure has no restart. Sluice changes a variable that nothing reads, and Azure starts new '
        "containers with the same model, code and settings.</p>"
    )
    st.button(
        "Restart…",
        key="review_restart",
        type="primary",
        icon=":material/restart_alt:",
        disabled=not can,
        on_click=lambda: question.review(endpoint, Restart(deployment.name, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")),
    )


def delete(endpoint: Endpoint, deployment: Deployment, can: bool) -> None:
    """The end of the deployment."""
    why = why_not_deleted(endpoint.split, deployment.name)
    if why:
        st.html(
            f'<p class="note" role="note"><b>It cannot be deleted now.</b> {escape(why)} Give its requests to another '
            "deployment on the Traffic page first.</p>"
        )
    else:
        st.html('<p class="lead">It has neither live nor mirrored traffic. What it costs ends with it.</p>')
    st.button(
        "Delete…",
        key="review_delete",
        type="primary",
        icon=":material/delete:",
        disabled=not can or bool(why),
        on_click=lambda: question.review(endpoint, DeleteDeployment(deployment.name)),
    )


def _numbers(fields: Mapping[str, Field], before: Mapping[str, int | None], keys: Mapping[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, field in fields.items():
            unit = f" ({field.unit})" if field.unit else ""
            value = before[name]
            st.number_input(
                f"{field.label.rpartition(': ')[2].capitalize()}{unit}",
                min(field.least, value) if value is not None else field.least,
                max(field.most, value) if value is not None else field.most,
                value,
                key=keys[name],
                help=field.help or None,
                placeholder=f"not said; Azure takes {field.usual}" if field.usual is not None else "not said",
                width=230,
            )


def _changed(deployment: Deployment, before: Mapping[str, int | None], keys: Mapping[str, str]) -> DeploymentSettings:
    typed = {name: st.session_state.get(key) for name, key in keys.items()}
    fields = {name: int(value) for name, value in typed.items() if value is not None and value != before[name]}
    return DeploymentSettings(deployment.name, fields=fields)
