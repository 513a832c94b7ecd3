"""From files to a running deployment: what is in them, what speaks against them, what changes, and the job."""

from ui.deploy import page

page.show()
