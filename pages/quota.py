"""Cores used and free, what deployments cost, and which of them nobody uses."""

from ui.quota import page

page.show()
