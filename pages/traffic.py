"""Shift live and mirrored traffic of the chosen endpoint."""

import streamlit as st

from ui import (
    applying,
    arrival_panel,
    chosen,
    draft,
    drift_notice,
    history,
    presets_view,
    readers,
    split_editor,
    strip,
    traffic_page,
)

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint = chosen.heading("Traffic")
if endpoint is not None:
    deployments = readers.deployments(endpoint)
    off = traffic_page.why_off(endpoint, readers.standing().permissions)
    if deployments:
        wish = draft.of(endpoint, [each.name for each in deployments])
        shown = applying.show(endpoint, is_preparing=wish.is_touched)
        is_running = shown == "running"
        if shown == "nothing":
            traffic_page.show_drift(endpoint, wish)
        if not is_running:
            drift_notice.show(endpoint)
        if off:
            traffic_page.show_why_off(off)
        disabled = bool(off) or is_running
        st.header("Live traffic", anchor=False)
        presets_view.show(endpoint.name, wish, disabled=disabled)
        split_editor.live_traffic(endpoint.name, wish, disabled=disabled)
        st.header("Mirrored traffic", anchor=False)
        split_editor.mirror_traffic(endpoint.name, wish, disabled=disabled)
        st.header("What will change", anchor=False)
        traffic_page.show_plan(endpoint, deployments, wish, is_off=disabled, is_running=is_running)
        arrival_panel.show(endpoint, deployments)
    else:
        traffic_page.show_no_deployments(endpoint)
    history.show(endpoint)
