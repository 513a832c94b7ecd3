"""How many instances the deployments of the chosen endpoint have, and by which rules that changes."""

from ui import chosen, readers, strip
from ui.autoscale import page

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint = chosen.heading("Autoscale")
if endpoint is not None:
    page.show(endpoint, readers.deployments(endpoint))
