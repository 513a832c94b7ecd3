"""Send requests to the chosen endpoint, read the answers, and keep what is worth keeping."""

from ui import chosen, endpoint_notices, readers
from ui.test import views

endpoint = chosen.heading("Test")
if endpoint is not None:
    endpoint_notices.show(endpoint)
    views.show(endpoint, readers.deployments(endpoint))
