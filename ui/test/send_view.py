"""Write a request, send it, read the answer."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from services.model import Deployment, Endpoint
from ui import readers, test_console


def show(endpoint: Endpoint, deployments: Sequence[Deployment]) -> None:
    """Draw the request on one side and the answer on the other."""
    left, right = st.columns(2, gap="medium")
    with left:
        request = test_console.compose(endpoint, deployments, readers.standing().permissions)
    with right:
        test_console.send_and_show(endpoint, deployments, request)
