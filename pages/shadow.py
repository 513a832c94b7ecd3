"""Is the candidate as good as what is live? Shadow tests of the chosen endpoint, and their verdicts."""

from ui import chosen, readers, strip
from ui.shadow import page

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint = chosen.heading("Shadow")
if endpoint is not None:
    page.show(endpoint, readers.deployments(endpoint))
