"""The views of the Test page."""

from __future__ import annotations

from ui.views import Views

SEND, PAYLOADS, HISTORY = "Send", "Payloads", "History"
_VIEWS = Views(
    "test",
    {
        SEND: "ui.test.send.send_view",
        PAYLOADS: "ui.test.payloads.payloads_view",
        HISTORY: "ui.test.history.history_view",
        "Compare": "ui.test.compare.compare_view",
        "Load": "ui.test.load.load_view",
    },
)
choose, show = _VIEWS.choose, _VIEWS.show
