"""All endpoints of the workspace, and the deployments of the chosen one."""

from services.errors import SluiceError
from ui import chosen, endpoint_list, problem, readers, strip

strip.refresh_every(readers.RESOURCE_SECONDS)
endpoint_list.title()
endpoints = readers.endpoints()
if not endpoints:
    endpoint_list.show_empty()
else:
    choice = chosen.current([each.name for each in endpoints])
    if choice.unknown:
        chosen.show_unknown(choice.unknown, len(endpoints))
    has_numbers, summaries = True, {}
    try:
        summaries = readers.summaries()
    except SluiceError as error:
        # The list itself is worth showing without its numbers.
        problem.show(error, key="summaries", retry=readers.forget)
        has_numbers = False
    endpoint_list.show(endpoints, summaries, choice.name)
    endpoint_list.show_progress()
    for endpoint in endpoints:
        if endpoint.name == choice.name:
            endpoint_list.show_one(endpoint, with_numbers=has_numbers)
