"""Latency, requests, errors and resources of the chosen endpoint's deployments."""

from ui import chosen, limits_panel, readers, visibility_panel
from ui.metrics import controls, page

endpoint = chosen.heading("Metrics")
if endpoint is not None:
    view = controls.controls(endpoint)
    deployments = readers.deployments(endpoint)
    if deployments:
        page.show(endpoint, deployments, view)
        limits_panel.show(endpoint, deployments)
        visibility_panel.show(endpoint, deployments)
    else:
        page.show_no_deployments(endpoint.name)
