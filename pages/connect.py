"""The ways to connect Sluice to something."""

from ui import connect_page

connect_page.title()
connect_page.local()
connect_page.workspace()
