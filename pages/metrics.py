"""Latency, requests, errors and resources of the chosen endpoint's deployments."""

from services.errors import SluiceError
from ui import chosen, limits_panel, readers, recovery, visibility_panel
from ui.metrics import controls, minute, page
from ui.shadow import shadow_link

endpoint = chosen.heading("Metrics")
if endpoint is not None:
    view = controls.controls(endpoint)
    deployments = readers.deployments(endpoint)
    if deployments:
        minute.show(endpoint, deployments, view.look)
    try:
        if deployments:
            page.show(endpoint, deployments, view)
        else:
            page.show_no_deployments(endpoint, view)
    except SluiceError as error:
        recovery.show_for_page(error)
    if endpoint.split.mirror:
        shadow_link.show(endpoint, key="metrics")
    if deployments:
        limits_panel.show(endpoint, deployments)
        visibility_panel.show(endpoint, deployments)
