"""The report of a run, to be taken along: one HTML file that needs nothing else, and the same as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from services.model import Endpoint
from services.shadow import report_html
from services.shadow.model import Run
from services.shadow.report import document, file_name
from services.shadow.reporting import gather
from ui import colours, context


def show(endpoint: Endpoint, run: Run) -> None:
    """Offer the report as it is now; it is made when somebody takes it. Raises SluiceError."""
    told = maker(endpoint, run)
    files = (
        ("Report as HTML", "html", "text/html", lambda: _html(told())),
        ("Report as JSON", "json", "application/json", lambda: report_html.text(told()).encode()),
    )
    with st.container(horizontal=True, vertical_alignment="center", key="shadow_report"):
        for label, ending, mime, make in files:
            st.download_button(
                label,
                data=make,
                file_name=file_name(run, endpoint, ending),
                mime=mime,
                key=f"shadow_report_{ending}",
                icon=":material/download:",
                on_click="ignore",
            )
        st.caption("Question, set-up, every number with its interval, verdict and reasons: one file.", width="content")


def maker(endpoint: Endpoint, run: Run) -> Callable[[], dict[str, Any]]:
    """Makes the report's document. It is called outside of any session, so everything is taken out of it here."""
    keeper, journal, conn = context.shadow(), context.journal(), context.connection()

    def make() -> dict[str, Any]:
        newest = keeper.runs.get(run.id) or run
        view = keeper.standing(newest)
        return document(gather(keeper.runs, journal, newest, view, endpoint, conn, context.ROOT))

    return make


def _html(told: dict[str, Any]) -> bytes:
    pair = told["run"]
    chosen = colours.of_deployments((pair["live"], pair["candidate"]))
    return report_html.page(told, chosen).encode(errors="replace")
