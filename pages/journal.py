"""Every change of every endpoint's split: made with Sluice, or made elsewhere and noticed."""

from ui import readers, strip
from ui.journal import journal_page

strip.refresh_every(readers.RESOURCE_SECONDS)
journal_page.title()
wanted = journal_page.controls()
if wanted is None:
    journal_page.show_empty()
else:
    journal_page.show(wanted)
