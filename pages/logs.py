"""What the chosen endpoint's containers write, and what is written down about its requests."""

from ui import chosen, readers
from ui.logs import views

endpoint = chosen.heading("Logs")
if endpoint is not None:
    views.show(endpoint, readers.deployments(endpoint))
