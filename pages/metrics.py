"""Latency, requests and errors of the chosen endpoint's deployments."""

from ui import chosen, metric_page, readers

endpoint = chosen.heading("Metrics")
if endpoint is not None:
    view = metric_page.controls()
    deployments = [each.name for each in readers.deployments(endpoint)]
    if deployments:
        data = readers.metrics(endpoint, view.minutes)
        metric_page.key_figures(data, deployments)
        metric_page.show_charts(data, deployments, view, metric_page.changes(endpoint, data, view))
        metric_page.download(endpoint.name, data)
    else:
        metric_page.show_no_deployments(endpoint.name)
