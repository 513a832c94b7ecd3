"""How much of its requests a deployment would refuse at a given rate, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.model import Deployment
from services.traffic import queueing
from services.traffic.evidence import DeploymentEvidence


@dataclass(frozen=True)
class Room:
    """What a deployment can take: the queue that it is.

    ``patience_places`` is how many requests fit before the last one waits longer than the deployment's
    request_timeout_ms; when it is below ``places``, callers get 408 before the queue is full.
    """

    instances: int
    servers: int
    places: int
    patience_places: int
    service_seconds: float

    @property
    def times_out_first(self) -> bool:
        """Whether requests run into the timeout before the deployment answers 429."""
        return self.patience_places < self.places

    def lost_share(self, per_minute: float) -> float:
        """The share of requests, 0 to 1, that get 429, or 408 when that comes first.

        What has timed out still occupies its process to the end, so that with timeouts the share is a lower bound.
        """
        places = min(self.places, self.patience_places)
        return queueing.rejected_share(per_minute / 60, self.service_seconds, self.servers, places)


def room(deployment: Deployment, found: DeploymentEvidence) -> Room | None:
    """The queue that ``deployment`` is; None without an instance, or when the time of a request is not known.

    Instances are those that are ready, or the configured number where that is not known.
    """
    instances = deployment.instance_count if found.ready_instances is None else found.ready_instances
    if instances < 1 or found.service is None:
        return None
    concurrent, seconds = deployment.max_concurrent_requests, found.service.seconds
    servers = queueing.servers(instances, concurrent, deployment.worker_count)
    places = queueing.places(instances, concurrent)
    timeout = deployment.request_timeout_ms / 1000
    patience = places if seconds * places <= timeout * servers else int(timeout * servers / seconds)
    return Room(instances, servers, places, max(servers, patience), seconds)
