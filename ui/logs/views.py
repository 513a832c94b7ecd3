"""The views of the Logs page."""

from __future__ import annotations

from ui.views import Views

CONTAINERS, TRAFFIC, EVENTS, QUERY = "Containers", "Traffic", "Events", "Query"
_VIEWS = Views(
    "logs",
    {
        CONTAINERS: "ui.logs.container_view",
        TRAFFIC: "ui.logs.traffic_view",
        EVENTS: "ui.logs.events_view",
        QUERY: "ui.logs.query_view",
    },
)
choose, show = _VIEWS.choose, _VIEWS.show
