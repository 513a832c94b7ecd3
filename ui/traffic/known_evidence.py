"""What the preflight knows of an endpoint, read behind the page: controls never wait for it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from services.test_log import TestLog
from services.traffic import evidence
from services.traffic.evidence import Evidence
from ui import context, readers
from ui.behind import Behind, Look

MAX_AGE_SECONDS = 60
"""Evidence is read again when somebody looks at it after this time; the old one is shown meanwhile."""


@st.cache_resource(show_spinner=False)
def _collected() -> Behind[Evidence]:
    return Behind()


def of(endpoint: Endpoint, deployments: Sequence[Deployment]) -> Look[Evidence]:
    """What is known now; it is read again behind the page when that is nothing, or old. Raises SluiceError."""
    conn, generation, _ = readers.key(endpoint.workspace_ref)
    tests = TestLog(context.store(), conn.arm_host)
    return _collected().look(
        (generation, endpoint.id.lower(), *(each.name for each in deployments)),
        lambda: evidence.collect(conn, endpoint, deployments, conn.now(), tests=tests),
        max_age_seconds=MAX_AGE_SECONDS,
    )


def forget() -> None:
    """Read again when it is looked at next."""
    _collected().forget()
