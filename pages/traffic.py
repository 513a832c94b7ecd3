"""Shift live and mirrored traffic of the chosen endpoint."""

import streamlit as st

from ui import chosen, readers, strip
from ui.journal import history
from ui.shadow import shadow_link
from ui.traffic import (
    applying,
    arrival_panel,
    conflict,
    draft,
    drift_notice,
    known_evidence,
    presets_view,
    split_editor,
    traffic_page,
)

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint = chosen.heading("Traffic")
if endpoint is not None:
    deployments = readers.deployments(endpoint)
    off = traffic_page.why_off(endpoint, readers.standing().permissions)
    if deployments:
        wish = draft.of(endpoint, [each.name for each in deployments])
        known = known_evidence.of(endpoint, deployments)
        traffic_page.show_now(endpoint, known)
        is_running = applying.show(endpoint, wish) == "running"
        why_not = "A change is being applied. Wait until it has been read back." if is_running else ""
        if not is_running and conflict.is_open(endpoint, wish):
            conflict.show(endpoint, wish)
            why_not = "Decide above whether to take theirs or to plan yours on top."
        elif not is_running:
            drift_notice.show(endpoint)
        if wish.gone and not wish.is_touched:
            conflict.show_gone(endpoint, wish.gone)
        if off:
            traffic_page.show_why_off(off)
        disabled = bool(off) or is_running
        st.header("Live traffic", anchor=False)
        presets_view.show(endpoint.name, wish, disabled=disabled)
        split_editor.live_traffic(endpoint.name, wish, disabled=disabled)
        if len(wish.known) > 1 or endpoint.split.mirror:
            st.header("Mirrored traffic", anchor=False)
            split_editor.mirror_traffic(endpoint.name, wish, disabled=disabled)
            shadow_link.show(endpoint, key="traffic")
        st.header("What will change", anchor=False)
        traffic_page.show_plan(endpoint, deployments, wish, known, is_off=disabled, why_not=why_not)
        arrival_panel.show(endpoint, deployments)
    else:
        traffic_page.show_now(endpoint, None)
        applying.show(endpoint, None)
        traffic_page.show_no_deployments(endpoint)
    history.show(endpoint)
