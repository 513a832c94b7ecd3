"""What a deployment that is there in the state Failed means for the file that describes it. Pure."""

from __future__ import annotations

from datetime import timedelta

from services.deploying.model import Document, Finding, Level
from services.model import Deployment, Endpoint

CODE = "deployment-failed"
"""The finding that deleting the deployment first takes away."""
_SAME_WRITE = timedelta(seconds=2)
"""How far Azure's times of creation and of the last write are apart when they are of one write."""


def failed(document: Document, endpoint: Endpoint, deployment: Deployment) -> Finding:
    """An error when it surely failed at its creation: then Azure takes no change of it. Azure does not say so itself,
    but one that was never written again cannot have come up."""
    place, name = document.place("name"), document.name
    what = f"{name} is there in the state Failed."
    shares = [each for split in (endpoint.split.live, endpoint.split.mirror) for each, share in split.items() if share]
    if deployment.name.lower() in (each.lower() for each in shares):
        why = "Its last change failed. It has traffic, so it is not deleted: this file changes it again."
        return Finding(Level.WARNING, "deployment-failed-live", place, what, why, "Look at why it failed first.")
    made, changed = deployment.created_at, deployment.modified_at
    is_certain = made is not None and changed is not None and changed - made <= _SAME_WRITE
    why = "Azure refuses to change a deployment that failed when it was first made."
    fix = f"Apply can delete {name} and create it again: switch that on there. Or choose another name."
    return Finding(Level.ERROR if is_certain else Level.WARNING, CODE, place, what, why, fix)
