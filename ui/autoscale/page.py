"""The Autoscale page, from the choice of a deployment to what autoscale did."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from services.autoscale import words
from services.autoscale.lint import lint
from services.autoscale.rules import new_setting
from services.autoscale.schedule import in_force, next_start
from services.autoscale.settings import Setting
from services.errors import SluiceError
from services.model import Deployment, Endpoint
from ui import ask, problem, readers
from ui import words as ui_words
from ui.autoscale import (
    commands_view,
    draft,
    history_view,
    limits_view,
    reading,
    remarks_view,
    saving_view,
    schedule_view,
    writing,
)
from ui.autoscale.rules_view import show as show_rules
from ui.facts import Fact, facts
from ui.turns import Turns

INTRO = (
    "This deployment has no autoscale setting: it keeps the number of instances that somebody gave it. Azure Monitor "
    "can change that number by rules, for example when the processor is busy, and by schedule."
)
POLL_SECONDS = 0.5
_CHOICE = "deployment"


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the whole page below its heading. Raises SluiceError."""
    if endpoint.is_kubernetes:
        _notice("This is a Kubernetes endpoint. Azure Monitor scales managed online deployments only.")
        return
    if not deployments:
        _notice("This endpoint has no deployment yet, so there is nothing to scale.")
        return
    deployment = _choose(endpoint, deployments)
    # Asked before what is over is told: a write that ends in between is told by the next run, and not by none.
    under_way = writing.under_way(deployment)
    saving_view.settle(deployment)
    ask.show(saving_view.PLACE, deployment.id)
    try:
        held = reading.setting(endpoint, deployment)
    except SluiceError as error:
        problem.show(error, key="autoscale", retry=reading.forget)
        return
    made = draft.of(deployment, held, endpoint.location)
    _facts(endpoint, deployment, held)
    if under_way is not None:
        saving_view.show_write(under_way, made)
        history_view.show(endpoint)
        return
    if draft.is_outdated(made, held):
        saving_view.show_outdated(deployment, made, held)
    elif made.kept_at is not None and made.is_touched:
        _notice(f"Your changes of {ui_words.moment(made.kept_at)} are here again. Azure does not have them yet.")
    if made.document is None:
        _begin(endpoint, deployment)
    else:
        _edit(endpoint, deployments, deployment, made, is_outdated=draft.is_outdated(made, held))
    history_view.show(endpoint)


def _choose(endpoint: Endpoint, deployments: Sequence[Deployment]) -> Deployment:
    names = [each.name for each in deployments]
    live = max(names, key=lambda name: (endpoint.split.live_percent(name), -names.index(name)))
    asked = st.query_params.get(_CHOICE)
    if asked is not None and asked not in names:
        chosen_now = live
        del st.query_params[_CHOICE]
    else:
        chosen_now = asked or live
    key = f"autoscale_deployment:{endpoint.name}"
    st.session_state[key] = chosen_now
    st.selectbox("Deployment", names, key=key, width=280, on_change=_chosen, args=(key,))
    return next(each for each in deployments if each.name == chosen_now)


def _chosen(key: str) -> None:
    st.query_params[_CHOICE] = str(st.session_state[key])


def _facts(endpoint: Endpoint, deployment: Deployment, held: Setting | None) -> None:
    share = endpoint.split.live_percent(deployment.name)
    shown = [
        Fact("Instances now", str(deployment.instance_count)),
        Fact("Instance type", deployment.instance_type or "not said"),
        Fact("Live traffic", f"{share} %"),
    ]
    if held is None:
        shown.append(Fact("Autoscale", "none"))
    else:
        now = readers.azure_now()
        current = in_force(held.profiles, now) if held.enabled else None
        shown += [
            Fact("Autoscale", "on" if held.enabled else "off", tone="good" if held.enabled else ""),
            Fact("In force", f"{words.title(current.name)}: {words.limits(current)}" if current else "no profile"),
            Fact("Setting", held.name, code=True),
        ]
        begins = [(at, each) for each in held.profiles if each.recurrence and (at := next_start(each.recurrence, now))]
        if begins and held.enabled:
            at, coming = min(begins, key=lambda found: found[0])
            shown.append(Fact("Next", f"{words.title(coming.name)}, {ui_words.moment(at)}"))
    facts(shown)


def _begin(endpoint: Endpoint, deployment: Deployment) -> None:
    st.html(f'<p class="lead">{INTRO}</p>')
    st.button(
        "Set up autoscale",
        key="autoscale_begin",
        icon=":material/add:",
        type="primary",
        help="Writes nothing yet: you see the rules first.",
        on_click=_set_up,
        args=(endpoint, deployment),
    )


def _set_up(endpoint: Endpoint, deployment: Deployment) -> None:
    draft.change(deployment, new_setting(deployment.id, endpoint.location, deployment.instance_count))


def _edit(
    endpoint: Endpoint,
    deployments: Sequence[Deployment],
    deployment: Deployment,
    made: draft.Draft,
    *,
    is_outdated: bool,
) -> None:
    assert made.document is not None
    known = reading.situation(endpoint, deployment, tuple(each.name for each in deployments))
    remarks = lint(made.document, known)
    setting = Setting.of(made.document)
    st.header("Limits and rules", anchor=False)
    index = schedule_view.choose(deployment, setting)
    if index is not None:
        profile = setting.profiles[index]
        times = words.when(profile, setting.profiles)
        st.html(f'<p class="hint">{"Always in force" if times == "always" else f"In force {escape(times)}"}.</p>')
        limits_view.show(deployment, made, index, profile)
        show_rules(deployment, made, index, profile)
    schedule_view.show(deployment, made, setting)
    st.header("What speaks against it", anchor=False)
    remarks_view.show(remarks, is_complete=known.quota is not None)
    if known.quota is None:
        _follow_quota(endpoint, deployment, Turns())
    st.header("What will change", anchor=False)
    saving_view.show(endpoint, deployment, made, remarks, known, is_outdated=is_outdated)
    commands_view.show(deployment, made)


@st.fragment(run_every=POLL_SECONDS)
def _follow_quota(endpoint: Endpoint, deployment: Deployment, turns: Turns) -> None:
    is_by_itself = turns.is_by_itself()
    st.html('<p class="working" role="status">Reading the quota…</p>')
    if is_by_itself and reading.quota(endpoint, deployment) is not None:
        st.rerun()


def _notice(text: str) -> None:
    st.html(f'<p class="notice" role="note">{escape(text)}</p>')
