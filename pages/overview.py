"""One endpoint: what it is, its deployments, their differences, files, keys, programs that call it, and events."""

from ui.overview import overview_page

overview_page.show()
