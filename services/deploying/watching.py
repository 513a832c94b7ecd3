"""How far a deployment is while Azure provisions it, by what its containers' logs say above their own lines."""

from __future__ import annotations

import re

from services.azure import endpoints
from services.deploying.model import Kind, Phase
from services.deploying.order import Item
from services.errors import SluiceError
from services.jobs.work import Work

_STATUS = re.compile(r"^(SystemSetup|UserContainerImagePull|ModelDownload|UserContainerStart): (\w+)\s*$", re.MULTILINE)
_LINES = 1
_DETAILS = {
    Phase.BUILD: "the image is built or pulled",
    Phase.PROVISION: "the model is copied to the instances",
    Phase.PROBES: "the container has started",
}


def phase_of(log: str) -> Phase | None:
    """The phase that the head of a container's log tells of, None when it tells of none.

    The head is that of published logs of managed online deployments: "Instance status:" with four lines. Azure's
    operation itself says only that it runs.
    """
    found = dict(_STATUS.findall(log.partition("\n\n")[0]))
    if not found:
        return None
    if found.get("UserContainerImagePull") != "Succeeded":
        return Phase.BUILD
    if found.get("ModelDownload") != "Succeeded":
        return Phase.PROVISION
    return Phase.PROBES


def watch(work: Work, item: Item) -> None:
    """Tell in which phase the deployment of ``item`` is, if its log can be read."""
    if item.kind is not Kind.DEPLOYMENT:
        return
    try:
        phase = phase_of(endpoints.logs(work.conn, item.endpoint, item.name, _LINES))
    except SluiceError:
        # There is none before the first container.
        return
    if phase is None:
        return
    running = [step.phase for step in work.kept.job.steps if step.resource == item.resource and step.ended_at is None]
    if phase not in running:
        work.phase(item.resource, phase, _DETAILS[phase])
