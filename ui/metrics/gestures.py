"""What a click on a chart and a drag over one do: look at that minute, look at that time."""

from __future__ import annotations

from functools import partial

from services.model import Endpoint
from ui import readers
from ui.components.chart_gestures import chart_gestures, clicked, dragged
from ui.metrics import controls, minute_address
from ui.metrics.controls import View

_KEY = "chart_gestures"


def listen(endpoint: Endpoint, view: View) -> None:
    """Listen to the charts of the page."""
    chart_gestures(key=_KEY, on_click=partial(_clicked, endpoint, view), on_drag=partial(_dragged, view))


def _clicked(endpoint: Endpoint, view: View) -> None:
    grain = view.span.window(readers.key(endpoint.workspace_ref)[0].now()).grain_seconds
    found = minute_address.clicked(clicked(_KEY), view.look.zone, grain)
    if found is not None:
        minute_address.open_at(found)


def _dragged(view: View) -> None:
    ends = dragged(_KEY)
    if ends is not None:
        controls.narrow(ends, view.look.zone)
