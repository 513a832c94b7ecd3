"""Where the time of one request went, as one bar."""

from __future__ import annotations

from html import escape

import streamlit as st

from services.scoring.answer import Timing
from ui import words


def show(timing: Timing, model_ms: float | None) -> None:
    """Draw the bar and the time of each part."""
    st.html(bar(timing, model_ms))


def parts(timing: Timing, model_ms: float | None) -> list[tuple[str, str, float]]:
    """The parts in their order: CSS class, name, milliseconds.

    What the scoring script took is cut out of the waiting when the answer tells it and it fits in there.
    """
    found: list[tuple[str, str, float | None]] = [
        ("dns", "Name lookup", timing.dns_ms),
        ("connect", "Connect", timing.connect_ms),
        ("tls", "TLS", timing.tls_ms),
    ]
    if model_ms is not None and 0 <= model_ms <= timing.wait_ms:
        found += [("wait", "Wait outside the model", timing.wait_ms - model_ms), ("model", "Model", model_ms)]
    else:
        found.append(("wait", "Wait", timing.wait_ms))
    found.append(("download", "Download", timing.download_ms))
    return [(kind, name, max(0.0, ms)) for kind, name, ms in found if ms is not None]


def bar(timing: Timing, model_ms: float | None) -> str:
    """The HTML of the bar. Every part is named beside it with its time, so that no colour stands alone."""
    found = parts(timing, model_ms)
    total = sum(ms for _, _, ms in found) or 1.0
    pieces = "".join(f'<i class="{kind}" style="flex-grow:{ms / total:.5f}"></i>' for kind, _, ms in found)
    legend = "".join(
        f'<div><dt><i class="{kind}"></i>{escape(name)}</dt><dd>{words.milliseconds(ms)}</dd></div>'
        for kind, name, ms in found
    )
    reused = '<p class="hint">The connection was there already.</p>' if timing.connect_ms is None else ""
    return (
        '<div class="timing"><p class="label">Where the time went</p>'
        f'<div class="whole" aria-hidden="true">{pieces}</div><dl>{legend}</dl>{reused}</div>'
    )
