"""All endpoints of one workspace, or of every workspace that can be seen."""

from ui import endpoint_list, fleet_view, readers, samples, strip

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint_list.heading()
endpoint_list.show(fleet_view.asked())
samples.show_progress()
