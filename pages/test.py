"""Send a test request to the chosen endpoint and read the answer."""

import streamlit as st

from ui import chosen, endpoint_notices, readers, test_console

endpoint = chosen.heading("Test")
if endpoint is not None:
    endpoint_notices.show(endpoint)
    deployments = readers.deployments(endpoint)
    left, right = st.columns(2, gap="medium")
    with left:
        request = test_console.compose(endpoint, deployments, readers.standing().permissions)
    with right:
        test_console.send_and_show(endpoint, deployments, request)
