"""All endpoints of one workspace, or of every workspace that can be seen."""

from ui import readers, strip
from ui.fleet import endpoint_list, fleet_view, samples

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint_list.heading()
endpoint_list.show(fleet_view.asked())
samples.show_progress()
