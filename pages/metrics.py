"""Latency, requests, errors and resources of the chosen endpoint's deployments."""

from ui import chosen, readers
from ui.metrics import controls, page

endpoint = chosen.heading("Metrics")
if endpoint is not None:
    view = controls.controls()
    deployments = readers.deployments(endpoint)
    if deployments:
        page.show(endpoint, deployments, view)
    else:
        page.show_no_deployments(endpoint.name)
